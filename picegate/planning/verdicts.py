"""What the legs of one answer say of the models that wrote them.

Judged is only who wrote a point without anyone having written it before. What comes after another's passage is either a
rewrite, asked for because the point had gone wrong once, so that rewriters would get the hard points and seem worse
than they are (and those whom they correct would lose every time); or it goes on from words that are not its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import inf

from picegate.core.usage import LegEnd, LegRecord


def verdicts(legs: Sequence[LegRecord], threshold: float) -> Iterator[tuple[str, bool]]:
    """(model, sound) of each passage: sound ones have a confidence of at least `threshold`, and needed no repair.

    A whole passage that was of no use (its leg failed after it had been scored) is not sound, whatever its confidence.
    """
    for leg in _judged(legs):
        if leg.quality is not None:
            yield leg.model, leg.end is LegEnd.DONE and leg.quality.confidence >= threshold


def contests(legs: Sequence[LegRecord], threshold: float) -> Iterator[tuple[str, str, float]]:
    """(model, rival, share) of each pair of candidates for one point whose text was kept in one case and not in the
    other: `share` is 1, or 0.5 where both had the same rank. Pairs, since half of them is what equals win,
    however many candidates there are.
    """
    for one, other in combinations(_judged(legs), 2):
        if one.point != other.point or one.model == other.model or {one.kept, other.kept} != {True, False}:
            continue
        winner, loser = (one, other) if one.kept else (other, one)
        if winner.quality is not None and loser.quality is not None:
            equal = winner.quality.rank(threshold) == loser.quality.rank(threshold)
            yield winner.model, loser.model, 0.5 if equal else 1.0


def _judged(legs: Iterable[LegRecord]) -> list[LegRecord]:
    by_point: dict[int, list[LegRecord]] = {}
    for leg in legs:
        if leg.point is not None:
            by_point.setdefault(leg.point, []).append(leg)
    return [
        leg
        for same in by_point.values()
        for leg in same
        if not leg.is_cloud
        and leg.quality is not None
        and leg.end in (LegEnd.DONE, LegEnd.FAILED)
        and not any(_wrote_before(other, leg) for other in same)
    ]


def _wrote_before(other: LegRecord, leg: LegRecord) -> bool:
    ended_s = inf if other.ended_s is None else other.ended_s
    return other is not leg and other.first_token_s is not None and ended_s <= leg.started_s
