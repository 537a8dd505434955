"""The exam of `assembly/scoring.py`: planted faults to be caught, good passages to be let through."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from picegate.assembly.scoring import Candidate, Question, score
from picegate.core.quality import Quality
from picegate.sketch.scripts import language_of
from picegate.testbed.quality import leaked
from picegate.testbed.quality.faults import RULES, Fault, plant
from picegate.testbed.quality.fit import Seen, fit
from picegate.testbed.quality.passages import Example, examples

CAUGHT = 0.95
FALSE_ALARMS = 0.05
Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % score interval (1927); all that is possible where nothing was tried."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_data(self) -> dict[str, Any]:
        low, high = self.interval
        return {"hits": self.hits, "of": self.of, "share": round(self.value, 4), "interval_95": [low, high]}


@dataclass(frozen=True, slots=True)
class Marks:
    """One half's result. `missed`: faults that were taken for good; `alarms`: good passages taken for faulty."""

    caught: Share
    false_alarms: Share
    by_kind: dict[str, Share]
    missed: list[tuple[Fault, Quality]]
    alarms: list[tuple[Example, Quality]]

    @property
    def met(self) -> bool:
        return self.caught.value >= CAUGHT and self.false_alarms.value <= FALSE_ALARMS

    def as_data(self) -> dict[str, Any]:
        return {
            "caught": self.caught.as_data(),
            "false_alarms": self.false_alarms.as_data(),
            "by_kind": {kind: share.as_data() for kind, share in self.by_kind.items()},
            "missed": [
                {"kind": fault.kind, "text": fault.text, "notes": fault.example.point.notes, **quality.as_data()}
                for fault, quality in self.missed
            ],
            "alarms": [{"text": example.text, **quality.as_data()} for example, quality in self.alarms],
        }


def examine(threshold: float) -> tuple[Marks, Marks]:
    """The tuning half and the half held back, marked with the weights as they stand."""
    tuning, held_back = examples()
    return (
        _marks(tuning, plant(tuning, leaked.TUNING), threshold),
        _marks(held_back, plant(held_back, leaked.HELD_BACK), threshold),
    )


def fitted() -> tuple[float, dict[str, float]]:
    """Bias and weights that the tuning half asks for; the other half is not looked at."""
    tuning, _ = examples()
    seen: list[Seen] = [(_quality(example, example.text).defects, True) for example in tuning]
    seen += [(_quality(fault.example, fault.text).defects, False) for fault in plant(tuning, leaked.TUNING)]
    return fit(seen)


def _marks(half: Sequence[Example], faults: Sequence[Fault], threshold: float) -> Marks:
    good = [(example, _quality(example, example.text)) for example in half]
    bad = [(fault, _quality(fault.example, fault.text)) for fault in faults]
    missed = [(fault, quality) for fault, quality in bad if quality.confidence >= threshold]
    alarms = [(example, quality) for example, quality in good if quality.confidence < threshold]
    by_kind = {}
    for kind in RULES:
        planted = sum(fault.kind == kind for fault in faults)
        by_kind[kind] = Share(planted - sum(fault.kind == kind for fault, _ in missed), planted)
    return Marks(Share(len(bad) - len(missed), len(bad)), Share(len(alarms), len(good)), by_kind, missed, alarms)


def _quality(example: Example, text: str) -> Quality:
    candidate = Candidate(text, spoken=language_of(text))
    return score(candidate, example.point, Question.of(example.question, example.language))
