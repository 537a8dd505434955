"""Throughput at a latency objective: the largest load at which the 95th percentile of whole answers stays below it.

Pure: the search says which load to try, is told what came out, and says what it makes of it.
"""

import math
from dataclasses import dataclass, field

GROW, SHRINK = 1.18, 0.75
CLOSE = 1.035  # a bracket so narrow is interpolated
AGAIN = 1.06  # likewise where it is about known what will come out: up and down from there


@dataclass(frozen=True, slots=True)
class Seen:
    """One load tried: requests per minute offered, seconds at the 95th percentile, answers per minute done."""

    per_minute: float
    latency_p95: float
    achieved_per_minute: float


@dataclass(frozen=True, slots=True)
class Found:
    """Attributes:
    per_minute: answers per minute at the objective; 0 where no load tried met it.
    bounded: a load that fails was seen too; else the search ended before it met one, and the figure is a lower bound.
    """

    per_minute: float
    bounded: bool
    tried: int


@dataclass(slots=True)
class Search:
    """Attributes:
    start: the first load to try, requests per minute.
    most: how many are tried at most.
    known: `start` is what another seed came to, so the bracket is looked for close to it.
    """

    start: float
    objective_s: float
    most: int = 6
    known: bool = False
    seen: list[Seen] = field(default_factory=list)

    def next(self) -> float | None:
        """The next load to try; None where the search is over."""
        if not self.seen:
            return self.start
        if len(self.seen) >= self.most:
            return None
        low, high = self._bracket()
        if high is None:
            return (low or self.seen[0]).per_minute * (self._stride() if self.known else GROW)
        if low is None:
            return high.per_minute * (1 / self._stride() if self.known else SHRINK)
        if high.per_minute / low.per_minute <= (AGAIN + 1e-9 if self.known else CLOSE):
            return None
        return math.sqrt(low.per_minute * high.per_minute)

    def tell(self, seen: Seen) -> None:
        self.seen.append(seen)

    def found(self) -> Found:
        """What is known so far. Done counts, not offered: a queue that only grows slowly is no throughput."""
        low, high = self._bracket()
        if low is None:
            return Found(0.0, high is not None, len(self.seen))
        done = min(low.per_minute, low.achieved_per_minute)
        if high is not None and math.isfinite(high.latency_p95):
            share = (self.objective_s - low.latency_p95) / (high.latency_p95 - low.latency_p95)
            done += share * max(0.0, min(high.per_minute, high.achieved_per_minute) - done)
        return Found(done, high is not None, len(self.seen))

    def _stride(self) -> float:
        """From what another seed came to: twice as far with every try, so that few tries reach a seed unlike it."""
        return math.pow(AGAIN, 2 ** (len(self.seen) - 1))

    def _bracket(self) -> tuple[Seen | None, Seen | None]:
        """The largest load that meets the objective below the smallest that does not."""
        fails = [seen for seen in self.seen if seen.latency_p95 > self.objective_s]
        high = min(fails, key=lambda seen: seen.per_minute, default=None)
        meets = [
            seen
            for seen in self.seen
            if seen.latency_p95 <= self.objective_s and (high is None or seen.per_minute < high.per_minute)
        ]
        return max(meets, key=lambda seen: seen.per_minute, default=None), high
