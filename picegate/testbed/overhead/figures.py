"""The figures of the gateway's bench, their spread over the rounds, and the bars they are held against."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

MS = 1000.0

WHOLE_BAR, STREAM_BAR = 15.0, 20.0  # times LiteLLM's requests a second, with CONNECTIONS[-1] connections
ADDED_BAR_MS = 1.0  # median, with one connection
MEMORY_BAR = 1 / 3  # of LiteLLM's
PROGRESSIVE_BAR_MS = 10.0  # gateway CPU of one progressive answer

CONNECTIONS = (1, 16)


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    stream: bool
    connections: int

    def __str__(self) -> str:
        lines = f"{self.connections} connection{'s' * (self.connections > 1)}"
        return f"{'streamed' if self.stream else 'whole'}, {lines}"


SETTINGS = tuple(Setting(stream, connections) for stream in (False, True) for connections in CONNECTIONS)


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        return cls(*(round(value, 4) for value in (statistics.median(values), min(values), max(values))))

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True, slots=True)
class Round:
    """One side at one setting in one round; times in milliseconds."""

    per_second: float
    median_ms: float
    p99_ms: float
    first_ms: float  # median, to the first bytes of the body
    cpu_ms: float  # of the server, per answer
    answers: int

    @classmethod
    def of(cls, total_s: Sequence[float], first_s: Sequence[float], seconds: float, cpu_s: float) -> Self:
        ordered = sorted(total_s)
        return cls(
            per_second=len(ordered) / seconds,
            median_ms=statistics.median(ordered) * MS,
            p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * MS,
            first_ms=statistics.median(first_s) * MS,
            cpu_ms=cpu_s / len(ordered) * MS,
            answers=len(ordered),
        )


Rounds = Mapping[Setting, Mapping[str, Sequence[Round]]]  # by setting and side, as many of each


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    figure: float
    low: float
    high: float
    bar: float
    met: bool

    def __str__(self) -> str:
        spread = f" ({self.low:.3g} to {self.high:.3g})" if self.low != self.high else ""
        return f"{'met   ' if self.met else 'MISSED'} {self.name}: {self.figure:.3g}{spread}, bar {self.bar:.3g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was measured. Sides by name: "direct", "LiteLLM", "picegate"."""

    rounds: Rounds = field(repr=False)
    resident_mib: Mapping[str, float]
    progressive_ms: Sequence[float]  # gateway CPU per answer, by batch of answers; chunks of a few words
    wordwise_ms: Sequence[float]  # the same with a chunk for every word
    candidates_ms: Sequence[float]  # chunks of a few words, but a second candidate wherever a slot is idle
    asked: int  # requests sent to the gateway
    recorded: int  # of them in its ledger

    def spread(self, setting: Setting, side: str, figure: str) -> Spread:
        return Spread.of([getattr(each, figure) for each in self.rounds[setting][side]])

    def added(self, setting: Setting, side: str, figure: str) -> Spread:
        """What `side` adds to the direct call, round by round."""
        pairs = zip(self.rounds[setting][side], self.rounds[setting]["direct"], strict=True)
        return Spread.of([getattr(through, figure) - getattr(direct, figure) for through, direct in pairs])

    def times(self, setting: Setting) -> Spread:
        """Our requests a second over LiteLLM's, round by round."""
        pairs = zip(self.rounds[setting]["picegate"], self.rounds[setting]["LiteLLM"], strict=True)
        return Spread.of([ours.per_second / theirs.per_second for ours, theirs in pairs])

    @property
    def bars(self) -> list[Bar]:
        whole, stream = Setting(False, CONNECTIONS[-1]), Setting(True, CONNECTIONS[-1])
        alone = Setting(False, 1), Setting(True, 1)
        memory = self.resident_mib["picegate"] / self.resident_mib["LiteLLM"]
        return [
            _at_least(f"times LiteLLM's requests/s ({whole})", self.times(whole), WHOLE_BAR),
            _at_least(f"times LiteLLM's requests/s ({stream})", self.times(stream), STREAM_BAR),
            _at_most("median added to a whole answer, ms", self.added(alone[0], "picegate", "median_ms"), ADDED_BAR_MS),
            _at_most("median added to a first token, ms", self.added(alone[1], "picegate", "first_ms"), ADDED_BAR_MS),
            _at_most("share of LiteLLM's resident memory", Spread.of([memory]), MEMORY_BAR),
            _at_most("CPU of a progressive answer, ms", Spread.of(self.progressive_ms), PROGRESSIVE_BAR_MS),
            _at_least("share of requests in the ledger", Spread.of([self.recorded / self.asked]), 1.0),
        ]

    def as_data(self) -> dict[str, Any]:
        settings = []
        for setting, sides in self.rounds.items():
            shown = {
                side: {
                    name: asdict(self.spread(setting, side, name))
                    for name in ("per_second", "median_ms", "p99_ms", "first_ms", "cpu_ms")
                }
                | {"rounds": [asdict(each) for each in rounds]}
                for side, rounds in sides.items()
            }
            added = {
                side: {name: asdict(self.added(setting, side, name)) for name in ("median_ms", "p99_ms", "first_ms")}
                for side in sides
                if side != "direct"
            }
            settings.append(asdict(setting) | {"sides": shown, "added": added, "times": asdict(self.times(setting))})
        return {
            "settings": settings,
            "resident_mib": dict(self.resident_mib),
            "progressive_cpu_ms": list(self.progressive_ms),
            "progressive_cpu_ms_word_by_word": list(self.wordwise_ms),
            "progressive_cpu_ms_two_candidates": list(self.candidates_ms),
            "asked": self.asked,
            "recorded": self.recorded,
            "bars": [asdict(bar) for bar in self.bars],
        }


def _at_least(name: str, figure: Spread, bar: float) -> Bar:
    return Bar(name, figure.median, figure.low, figure.high, bar, figure.median >= bar)


def _at_most(name: str, figure: Spread, bar: float) -> Bar:
    return Bar(name, figure.median, figure.low, figure.high, bar, figure.median <= bar)
