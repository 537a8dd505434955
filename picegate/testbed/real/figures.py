"""What the answers of all settings come to, and the bars. Pure.

`answers[setting][(question, run)]`; a figure of a point or of a question is the median of its runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from picegate.testbed.real.resampling import Estimate, estimate
from picegate.testbed.real.trial import Answer

Answers = Mapping[tuple[int, int], Answer]

LONGER = 0.02  # of the time of the last token, at most
STALL_S = 0.1


@dataclass(frozen=True, slots=True)
class Bar:
    """`figure` against `limit`: more than it where `above`, else at most as much. Shares, or seconds."""

    name: str
    figure: Estimate
    limit: float
    above: bool = False
    in_seconds: bool = False

    @property
    def met(self) -> bool:
        return self.figure.value > self.limit if self.above else self.figure.value <= self.limit

    def __str__(self) -> str:
        told = [self.figure.value, self.figure.low, self.figure.high, self.limit]
        value, low, high, limit = (f"{x * 1000:.0f} ms" if self.in_seconds else f"{x:.1%}" for x in told)
        return f"{self.name}: {value} ({low} to {high}; bar {'more than' if self.above else 'at most'} {limit})"

    def as_data(self) -> dict[str, Any]:
        return {"name": self.name, "bar": self.limit, "met": self.met, **self.figure.as_data()}


@dataclass(frozen=True, slots=True)
class Summary:
    """One setting. `coverage`, `echoed`: means over points; `last_s`, `silence_s`: medians over questions."""

    coverage: Estimate
    echoed: Estimate
    last_s: float
    silence_s: float
    left: float  # passages an answer that no agent could finish
    compared: float  # points an answer of which more than one passage was scored

    def as_data(self) -> dict[str, Any]:
        return {
            "coverage": self.coverage.as_data(),
            "copied": self.echoed.as_data(),
            "last_token_s": round(self.last_s, 3),
            "longest_silence_s": round(self.silence_s, 3),
            "left_per_answer": round(self.left, 3),
            "compared_per_answer": round(self.compared, 3),
        }


def summarise(answers: Answers) -> Summary:
    """Raises ValueError where no point has a figure."""
    every = list(answers.values())
    return Summary(
        estimate(list(by_point(answers).values())),
        estimate(list(by_point(answers, "echoed").values())),
        median(by_question(answers, "last_s").values()),
        median(by_question(answers, "silence_s").values()),
        fmean(answer.left for answer in every),
        fmean(answer.compared for answer in every),
    )


def by_point(answers: Answers, figure: str = "covered") -> dict[tuple[int, int], float]:
    """By question and segment."""
    seen: dict[tuple[int, int], list[float]] = {}
    for (question, _), answer in answers.items():
        for segment, share in getattr(answer, figure).items():
            seen.setdefault((question, segment), []).append(share)
    return {point: median(shares) for point, shares in seen.items()}


def by_question(answers: Answers, figure: str) -> dict[int, float]:
    seen: dict[int, list[float]] = {}
    for (question, _), answer in answers.items():
        seen.setdefault(question, []).append(getattr(answer, figure))
    return {question: median(values) for question, values in seen.items()}


def gained(one: Answers, other: Answers) -> Estimate:
    """How much more of the points' facts `one` covers: the mean difference over the points that have both figures."""
    ours, theirs = by_point(one), by_point(other)
    return estimate([ours[point] - theirs[point] for point in ours if point in theirs])


def prolonged(one: Answers, other: Answers) -> Estimate:
    """By what share the last token of `one` comes later: the median over questions and runs."""
    return estimate([one[asked].last_s / other[asked].last_s - 1.0 for asked in one if asked in other], median)


def stalled(one: Answers, other: Answers) -> Estimate:
    """By how much the longest silence of an answer is longer in `one`, seconds: the median over questions and runs."""
    return estimate([one[asked].silence_s - other[asked].silence_s for asked in one if asked in other], median)


def worst_stall_s(one: Answers, other: Answers) -> float:
    """The same for the question where it is worst, the median of its runs."""
    added: dict[int, list[float]] = {}
    for question, run in one:
        if (question, run) in other:
            gap_s = one[question, run].silence_s - other[question, run].silence_s
            added.setdefault(question, []).append(gap_s)
    return max(median(gaps) for gaps in added.values())


def bars(ensemble: Answers, apart: Answers, singles: Mapping[str, Answers]) -> list[Bar]:
    """`apart`: the same agents without the ensemble; `singles`: as many agents with one model, by its name."""
    return [
        *(
            Bar(f"facts covered, more than by {name} alone", gained(ensemble, answers), 0.0, above=True)
            for name, answers in singles.items()
        ),
        Bar("last token later than without the ensemble, by", prolonged(ensemble, apart), LONGER),
        Bar("longest silence longer than without it, by", stalled(ensemble, apart), STALL_S, in_seconds=True),
    ]
