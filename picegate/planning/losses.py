"""Time that answers lose to edges that fail: how often a leg fails, and how long it takes until that is known.

A breaker takes out a node that fails again and again. What fails now and then stays in use, and every failure costs
the answer the time until it was noticed; where that comes to more than delegating saves, the cloud is sooner.
"""

from collections.abc import Iterator
from math import exp

from picegate.core.errors import NodeRefused
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally
from picegate.core.value import value

MEMORY_S = 60.0  # after so long, a leg weighs 1/e: edges that are well again must be found out soon
_PRIOR_LEGS = 4.0  # that went well, for everyone to begin with
_MOST_LEGS = 40.0  # that are remembered
_TRIES = 2
_KINDS = (LegKind.EXPAND, LegKind.HEDGE, LegKind.EDGE)


@value
class Losses:
    """`share` of the legs fail, each of which costs `lost_s` seconds."""

    share: float = 0.0
    lost_s: float = 0.0

    def delay_s(self, legs: float, chained: float = 0.0) -> float:
        """By so much later is an answer of so many legs, on average.

        Legs side by side wait for the one that fails most often, legs one after another for all; `chained`: share of
        the latter. A leg that has failed `_TRIES` times is nobody's on the edge any more.
        """
        beside = after = 0.0
        for tries in range(1, _TRIES + 1):
            fails = self.share**tries
            beside += 1.0 - (1.0 - fails) ** legs
            after += legs * fails
        return self.lost_s * ((1.0 - chained) * beside + chained * after)


NO_LOSSES = Losses()


class LossModel:
    """Of all edges together. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._legs = self._failed = self._lost_s = 0.0
        self._at = 0.0

    def learn(self, now: float, tally: Tally) -> None:
        """One answer has ended."""
        self._fade(now)
        for lost_s in _lost(tally):
            self._legs += 1.0
            if lost_s:
                self._failed += 1.0
                self._lost_s += lost_s
        if self._legs > _MOST_LEGS:
            self._weigh(_MOST_LEGS / self._legs)

    def losses(self, now: float) -> Losses:
        self._fade(now)
        if not self._failed:
            return NO_LOSSES
        return Losses(self._failed / (self._legs + _PRIOR_LEGS), self._lost_s / self._failed)

    def _fade(self, now: float) -> None:
        self._weigh(exp(min(self._at - now, 0.0) / MEMORY_S))
        self._at = now

    def _weigh(self, share: float) -> None:
        self._legs *= share
        self._failed *= share
        self._lost_s *= share


def _lost(tally: Tally) -> Iterator[float]:
    """Seconds lost by each leg on an edge whose end says something: 0 where it went well."""
    for leg in tally.edge_legs:
        if leg.kind not in _KINDS or leg.ended_s is None:
            continue
        if leg.end is LegEnd.DONE:
            yield 0.0
        elif leg.end is LegEnd.FAILED:
            if leg.error != NodeRefused.code:  # that is about the request
                yield leg.ended_s - leg.started_s
        elif leg.first_token_s is None and (second := _second(leg, tally)) is not None:
            yield second.started_s - leg.started_s


def _second(first: LegRecord, tally: Tally) -> LegRecord | None:
    """The leg that was begun beside a silent one, and wrote its passage."""
    for leg in tally.legs:
        later = leg.started_s > first.started_s
        if leg.kind is LegKind.HEDGE and leg.point == first.point and later and leg.end is LegEnd.DONE:
            return leg
    return None
