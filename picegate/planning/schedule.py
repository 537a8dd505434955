"""When the legs of one answer would be done, were they placed as `placement.place` does, and what reading they cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from picegate.core.plan import NodeView, Pace
from picegate.core.value import value
from picegate.planning.latency import EDGE_GUESS
from picegate.planning.placement import TYPICAL_TOKENS, Leg, leg_s, price_s
from picegate.planning.survey import Survey


class Reading(Enum):
    """When a node reads the prompt that all legs share."""

    DONE = auto()  # every node has read it
    AHEAD = auto()  # from now on, while the legs are still to come
    LATE = auto()  # when its first leg begins


@value
class Schedule:
    """Attributes:
    done: when each leg ends, seconds from now.
    nodes: that would write, of those with free slots; `tries`: one of them has not shown yet how fast it is.
    read_s: seconds that they spend on reading, all together.
    """

    done: Sequence[float]
    nodes: int
    read_s: float
    tries: bool


def schedule(
    seen: Survey,
    legs: Sequence[Leg],
    starts: Sequence[float],
    wait_s: float,
    reading: Reading,
    read_price: float = 0.0,
) -> Schedule:
    """Place legs in order over the shortlist, each where it costs least: its time, fear of its model, and reading.

    A leg that finds no slot waits for the first that comes free: one in which an earlier of these legs ends, or one of
    those that others hold. In these what was owed before this request comes first, for `wait_s` from now, and then the
    rest of a passage: any share of it, so that of `n` slots one comes free after each `n + 1`th of its time.

    Args:
        starts: when each leg may begin, in rising order.
        read_price: of each second that a node reads, in seconds.
    """
    seats = [_Seat.of(node, seen, reading) for node in seen.shortlist]
    others = _others(seen, len(legs), wait_s)
    done: list[float] = []
    read_s = 0.0
    for leg, start in zip(legs, starts, strict=True):
        least_s, best = inf, None
        for seat in seats:
            if seat.ends:
                seat.let_go(start)
            if seat.free > 0 and (cost_s := seat.cost_s(leg, start, seen.stake_s, read_price)) < least_s:
                least_s, best = cost_s, seat
        if best is None:
            best = min((seat for seat in seats if seat.ends), key=_next_s, default=None)
            other_s = inf
            if others:
                other_s = max(others[0], start) + leg_s(seen.pace, round(seen.full_batch) - 1, leg)
            if best is None or other_s < best.end_s(leg, start):
                heapreplace(others, other_s)
                done.append(other_s)
                continue
        read_s += best.reads_s(leg)
        done.append(best.take(leg, start))
    used = [seat for seat in seats if seat.used]
    return Schedule(done, len(used), read_s, not all(seat.proven for seat in used))


@dataclass(slots=True)
class _Seat:
    """A node while legs are placed on it.

    Attributes:
        read_s: when it has read the prompt; None: nobody has told it to.
        ends: a heap of when its legs end; `used`: it has had any.
    """

    free: int
    busy: int
    pace: Pace
    weak: float
    reading: Reading
    read_s: float | None
    proven: bool
    ends: list[float] = field(default_factory=list)
    used: bool = False

    @classmethod
    def of(cls, node: NodeView, seen: Survey, reading: Reading) -> "_Seat":
        free = node.free + node.lent
        read_s = 0.0 if reading is Reading.DONE else None
        weak = seen.weak.get(node.model, 0.0)
        return cls(free, node.slots - free, node.pace or EDGE_GUESS, weak, reading, read_s, node.proven)

    def let_go(self, now: float) -> None:
        while self.ends and self.ends[0] <= now:
            heappop(self.ends)
            self.free += 1
            self.busy -= 1

    def reads_s(self, leg: Leg) -> float:
        """Seconds of reading that this leg would bring."""
        return 0.0 if self.read_s is not None else self.pace.prefill_s * leg.prompt_tokens

    def begin_s(self, leg: Leg, start: float) -> float:
        """When the leg would begin; where no slot is free, in the one that will be next."""
        if self.free <= 0:
            start = max(start, self.ends[0])
        if self.read_s is not None:
            return max(start, self.read_s)
        return start + self.reads_s(leg) if self.reading is Reading.LATE else max(start, self.reads_s(leg))

    def end_s(self, leg: Leg, start: float) -> float:
        """When it would be done."""
        busy = self.busy if self.free > 0 else self.busy - 1
        return self.begin_s(leg, start) + leg_s(self.pace, busy, leg, warmed=True)

    def cost_s(self, leg: Leg, start: float, stake_s: float, read_price: float) -> float:
        """Of the leg in a free slot."""
        return price_s(self.end_s(leg, start) - start, self.weak, stake_s) + read_price * self.reads_s(leg)

    def take(self, leg: Leg, start: float) -> float:
        """Give it the leg. Returns when that is done."""
        end_s = self.end_s(leg, start)
        self.read_s, self.used = self.begin_s(leg, start), True
        if self.free > 0:
            self.free -= 1
            self.busy += 1
            heappush(self.ends, end_s)
        else:
            heapreplace(self.ends, end_s)
        return end_s


def _others(seen: Survey, legs: int, wait_s: float) -> list[float]:
    """A heap of when slots that others hold come free, for so many legs."""
    held = seen.slots - seen.free
    if held <= 0:  # all slots are in the shortlist, or there is nobody to write
        return [] if seen.shortlist else [wait_s]
    share_s = TYPICAL_TOKENS * seen.pace.token_s(seen.full_batch) / (held + 1)
    times = [wait_s + (number + 1) * share_s for number in range(min(held, legs))]
    heapify(times)
    return times


def _next_s(seat: _Seat) -> float:
    return seat.ends[0]
