"""Eight points of one answer: a long shared beginning, short ends, all at once, nothing known before."""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.bench import texts
from edge_agent.bench.ask import Run
from edge_agent.bench.bars import Bar, Spread
from edge_agent.bench.crew import Crew
from edge_agent.bench.scale import Scale, Tick

ENGINE, AS_PACKED = "engine", "engine, weights as packed"
SERVER, PRIMED, HIGH_LEVEL = "llama-server", "llama-server, primed", "high-level API"
SIDES = (ENGINE, AS_PACKED, SERVER, PRIMED, HIGH_LEVEL)
SERVER_BAR = 0.31  # of its total time, all points together
HIGH_LEVEL_BAR = 0.62
PRIMED_BAR = 1.0
SINGLE_BAR = 1.05  # one point alone: no slower, five percent being noise
PYTHON_BAR = 0.05  # of a step


@dataclass(frozen=True, slots=True)
class Cell:
    """One side at one number of points, over the rounds: seconds and tokens a second."""

    total_s: Spread
    first_s: Spread
    last_first_s: Spread
    rate: Spread
    tokens: float
    rounds: int

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Cell":
        return cls(
            Spread.of([run.total_s for run in runs]),
            Spread.of([statistics.median(answer.first_s for answer in run.answers) for run in runs]),
            Spread.of([max(answer.first_s for answer in run.answers) for run in runs]),
            Spread.of([run.rate for run in runs]),
            statistics.mean(run.tokens / len(run.answers) for run in runs),
            len(runs),
        )


@dataclass(frozen=True, slots=True)
class Points:
    """Attributes:
    cells: side -> number of points -> what was seen.
    ratios: side -> number of points -> the engine's total time over the side's, round by round; `as_packed`: likewise
        of the engine on the weights as they are packed in the file.
    python_share: of the engine's steps with all points together; None: not told.
    resident: side -> bytes of its process at the end.
    """

    prompt_tokens: int
    cells: dict[str, dict[int, Cell]]
    ratios: dict[str, dict[int, Spread]]
    as_packed: dict[str, dict[int, Spread]]
    python_share: float | None
    python_ms: float | None
    resident: dict[str, int] = field(default_factory=dict)

    @property
    def bars(self) -> list[Bar]:
        few, many = min(self.cells[ENGINE]), max(self.cells[ENGINE])
        wanted = [(SERVER, many, SERVER_BAR), (HIGH_LEVEL, many, HIGH_LEVEL_BAR), (PRIMED, many, PRIMED_BAR)]
        bars = [self._bar(side, count, limit) for side, count, limit in [*wanted, (SERVER, few, SINGLE_BAR)]]
        remark = "" if self.python_ms is None else f"{self.python_ms:.2f} ms a step"
        return [*bars, Bar(f"Python's share of a step, N = {many}", self.python_share, PYTHON_BAR, remark=remark)]

    def _bar(self, side: str, count: int, limit: float) -> Bar:
        ratio = self.ratios[side][count]
        rounds = self.cells[side][count].rounds
        remark = f"{ratio.low:.3g} to {ratio.high:.3g} in {rounds} rounds" if rounds > 1 else "one round"
        remark += f"; weights as packed {self.as_packed[side][count]}"
        return Bar(f"total time over that of {side}, N = {count}", ratio.median, limit, remark=remark)


def measure(crew: Crew, scale: Scale, tick: Tick) -> Points:
    """Rounds of all sides turn by turn; who begins changes from round to round."""
    sides = {
        ENGINE: crew.engine,
        AS_PACKED: crew.as_packed,
        SERVER: crew.server,
        PRIMED: crew.server,
        HIGH_LEVEL: crew.high_level,
    }
    draw = random.Random()  # noqa: S311 (unlike any run before)
    seen: dict[str, dict[int, list[Run]]] = {name: {count: [] for count in scale.counts} for name in SIDES}
    for side in sides.values():
        side.run(texts.points(1, 4, texts.mark(draw)))  # whatever happens only once
    begun = time.monotonic()
    for number in range(scale.rounds):
        if number and (time.monotonic() - begun) * (number + 1) / number > scale.points_s:
            break
        counts = scale.counts if number == 0 else (scale.counts[0], scale.counts[-1])
        order = SIDES[number % len(SIDES) :] + SIDES[: number % len(SIDES)]
        for place, count in enumerate(counts):
            for turn, name in enumerate(order):
                done = (number + (place + turn / len(order)) / len(counts)) / scale.rounds
                tick(f"round {number + 1}: {count} points, {name}", done)
                asks = texts.points(count, scale.tokens, texts.mark(draw), topic=number)
                seen[name][count].append(sides[name].run(asks, primed=name == PRIMED))
    return summary(seen)


def summary(seen: dict[str, dict[int, list[Run]]]) -> Points:
    """From side -> number of points -> its runs, round by round."""
    ours = seen[ENGINE]

    def ratios(side: str) -> dict[str, dict[int, Spread]]:
        return {
            name: {
                count: Spread.of(
                    [mine.total_s / run.total_s for mine, run in zip(seen[side][count], runs, strict=True)]
                )
                for count, runs in seen[name].items()
            }
            for name in (SERVER, PRIMED, HIGH_LEVEL)
        }

    work = [run.work for run in ours[max(ours)] if run.work is not None]
    step_s = sum(w.step_s for w in work)
    python_s = sum(w.python_s for w in work)
    return Points(
        prompt_tokens=ours[max(ours)][0].answers[0].prompt_tokens,
        cells={name: {count: Cell.of(runs) for count, runs in of.items()} for name, of in seen.items()},
        ratios=ratios(ENGINE),
        as_packed=ratios(AS_PACKED),
        python_share=python_s / step_s if step_s else None,
        python_ms=python_s / sum(w.steps for w in work) * 1000 if step_s else None,
        resident={name: of[max(of)][-1].resident for name, of in seen.items()},
    )
