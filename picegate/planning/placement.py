"""Which node writes a leg: the one that would finish it first.

A leg's time on a node is prefill (nothing of it where the node was warmed for this request) plus its tokens at the
speed of the batch it would join. Points are placed one by one in reading order, each with those before it already in
their batches, so what is read first is placed best; since every point is placed when its line closes, the plan is made
anew with every line.

A model that is feared to write a weak passage pays for that (`price_s`): its node is taken only where it is sooner by
more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace, nsmallest
from math import inf

from picegate.core.plan import NodeState, NodeView, Pace
from picegate.core.value import value
from picegate.planning.latency import EDGE_GUESS

TYPICAL_TOKENS = 90.0  # of a passage
TYPICAL_PROMPT = 300.0  # of a passage's prompt
_PATIENT = 2.0  # a slow node is left aside where waiting for a fast one takes less than half of its time
SHORTLIST = 12  # nodes that a forecast of placements looks at more closely


@value
class Leg:
    """`prompt_tokens`: read before the first token, where the node has nothing of it."""

    tokens: float = TYPICAL_TOKENS
    prompt_tokens: float = TYPICAL_PROMPT


def leg_s(pace: Pace | None, busy: int, leg: Leg, *, warmed: bool = False) -> float:
    """Seconds a leg takes on a node with a free slot on which `busy` others are decoded."""
    pace = pace or EDGE_GUESS
    begin_s = pace.first_s if warmed else pace.begin_s(leg.prompt_tokens)
    return begin_s + leg.tokens * pace.token_s(busy + 1)


def node_s(node: NodeView, leg: Leg, *, warmed: bool = False) -> float:
    """The same on a node as it is now, beside all that holds a slot there."""
    return leg_s(node.pace, node.slots - node.free, leg, warmed=warmed)


def delay_s(node: NodeView, leg: Leg, rest_s: float) -> float:
    """By how much later a leg that needs `rest_s` seconds more on this node ends if this one is begun beside it."""
    pace, busy = node.pace or EDGE_GUESS, max(node.slots - node.free, 1)
    return (pace.token_s(busy + 1) / pace.token_s(busy) - 1.0) * min(rest_s, node_s(node, leg))


def price_s(time_s: float, weak: float, stake_s: float = 0.0) -> float:
    """What a leg of `time_s` seconds costs where it is to be feared by `weak` (0..1) more than at the fleet's best.

    A weak passage is written once more, by a node that is as fast; and where that comes too late, `stake_s` seconds of
    waiting are what its text was worth.
    """
    return time_s * (1.0 + weak) + weak * stake_s


def place(
    nodes: Iterable[NodeView],
    leg: Leg,
    *,
    context_tokens: int = 0,
    prefer: str | None = None,
    exclude: frozenset[str] = frozenset(),
    warmed: frozenset[str] = frozenset(),
    weak: Mapping[str, float] | None = None,
    stake_s: float = 0.0,
) -> NodeView | None:
    """The node that the leg goes to now: `prefer` where it has a free slot, else the one that finishes it first.

    With `weak` (as `Plan.weak`), finishing first is a matter of `price_s`. A node of unknown pace counts as the fastest
    of all, so that it is tried. None: no fitting node has a free slot, or those that have are so slow that waiting for
    a faster one takes less time, with rewrites but without the stake: however much is at stake, a leg waits only for
    what would be sooner. A slot comes free after a typical passage's time divided by the node's slots.
    """
    best: NodeView | None = None
    unknown: NodeView | None = None
    best_s = least_s = later_s = inf
    for node in nodes:
        if node.state is not NodeState.READY or node.id in exclude:
            continue
        if node.context_tokens is not None and node.context_tokens < context_tokens:
            continue
        pace, free = node.pace, node.free
        if free <= 0:
            if pace is not None:
                full_s = pace.step_s + pace.slope_s * (node.slots - 1)
                read_s = pace.first_s + pace.prefill_s * leg.prompt_tokens
                time_s = read_s + full_s * (leg.tokens + TYPICAL_TOKENS / node.slots)
                if weak:
                    time_s = price_s(time_s, weak.get(node.model, 0.0))
                later_s = min(later_s, time_s)
            continue
        if node.id == prefer:
            return node
        if pace is None:
            if unknown is None or free * unknown.slots > unknown.free * node.slots:
                unknown = node
            continue
        time_s = pace.first_s + leg.tokens * (pace.step_s + pace.slope_s * (node.slots - free))
        if node.id not in warmed:
            time_s += pace.prefill_s * leg.prompt_tokens
        cost_s = time_s
        if weak and (feared := weak.get(node.model, 0.0)):
            time_s, cost_s = price_s(time_s, feared), price_s(time_s, feared, stake_s)
        if cost_s < least_s:
            best, best_s, least_s = node, time_s, cost_s
    if unknown is not None and (best is None or best.free < best.slots):
        return unknown
    return best if best_s <= _PATIENT * later_s else None


@value
class Survey:
    """The fleet in short, for one request.

    Attributes:
        ready: usable nodes, whether or not the request fits them; `fitting` of them hold its context.
        slots, free: over the fitting ones; what is lent is free, since it is given back.
        tokens_per_s: what they write together with every slot in use.
        shortlist: those with free slots that a passage would go to first, by `price_s`.
        pace: of a typical slot, weighted by slots.
        batch: sequences a node decodes now, weighted by slots; `full_batch` with every slot in use.
        context_tokens: of the fitting node with the largest context; None: no limit is known of one of them.
        weak, stake_s: as in the plan; of the models that the fitting nodes write with.
    """

    ready: int
    fitting: int
    slots: int
    free: int
    tokens_per_s: float
    shortlist: tuple[NodeView, ...]
    pace: Pace
    batch: float
    full_batch: float
    context_tokens: int | None = None
    weak: Mapping[str, float] = field(default_factory=dict)
    stake_s: float = 0.0


Fears = Callable[[frozenset[str]], Mapping[str, float]]  # of models, by how much more each is feared than their best


def survey(fleet: Iterable[NodeView], context_tokens: int, fears: Fears | None = None, stake_s: float = 0.0) -> Survey:
    """One pass over the nodes."""
    ready = fitting = slots = free = 0
    rate = busy_slots = full = first = prefill = step = slope = doubt = 0.0
    candidates: list[tuple[float, int, NodeView]] = []
    models: set[str] = set()
    largest: float = 0
    for node in fleet:
        if node.state is not NodeState.READY:
            continue
        ready += 1
        if node.context_tokens is not None and node.context_tokens < context_tokens:
            continue
        fitting += 1
        models.add(node.model)
        largest = max(largest, node.context_tokens or inf)
        own, pace = node.slots, node.pace or EDGE_GUESS
        open_slots = node.free + node.lent
        busy = own - open_slots
        slots += own
        free += open_slots
        rate += own / (pace.step_s + pace.slope_s * (own - 1))
        busy_slots += own * busy
        full += own * own
        first += own * pace.first_s
        prefill += own * pace.prefill_s
        step += own * pace.step_s
        slope += own * pace.slope_s
        doubt += own * pace.doubt
        if open_slots:
            time_s = pace.first_s + TYPICAL_TOKENS * (pace.step_s + pace.slope_s * busy)
            candidates.append((time_s, fitting, node))
    total = slots or 1
    mean = Pace(first / total, prefill / total, step / total, slope / total, doubt / total) if slots else EDGE_GUESS
    weak = fears(frozenset(models)) if fears is not None and len(models) > 1 else {}
    if weak:
        candidates = [
            (price_s(time_s, weak.get(node.model, 0.0), stake_s), number, node) for time_s, number, node in candidates
        ]
    best = nsmallest(SHORTLIST, candidates)  # ties go by order; the nodes themselves are never compared
    return Survey(
        ready,
        fitting,
        slots,
        free,
        rate,
        tuple(node for _, _, node in best),
        mean,
        busy_slots / total,
        full / total,
        None if largest == inf else int(largest),
        weak,
        stake_s,
    )


def placed_s(seen: Survey, legs: Sequence[Leg], starts: Sequence[float], wait_s: float, *, warmed: bool) -> list[float]:
    """When each leg would be done, placed in order over the shortlist as `place` does: by what it costs there.

    `starts`: when each may begin, in rising order. A leg that finds no slot waits for the first that comes free: one in
    which an earlier of these legs ends, or one of those that others hold. In these what was owed before this request
    comes first, for `wait_s` from now, and then the rest of a passage: any share of it, so that of `n` slots one comes
    free after each `n + 1`th of its time.
    """
    seats = [
        _Seat(
            node.free + node.lent,
            node.slots - node.free - node.lent,
            node.pace or EDGE_GUESS,
            seen.weak.get(node.model, 0.0),
        )
        for node in seen.shortlist
    ]
    crowd = round(seen.full_batch) - 1
    held = seen.slots - seen.free
    share_s = TYPICAL_TOKENS * seen.pace.token_s(crowd + 1) / (held + 1)
    others = [wait_s + (number + 1) * share_s for number in range(min(held, len(legs)))]
    if not seats and not others:  # nobody can write
        others = [wait_s]
    done: list[float] = []
    for leg, start in zip(legs, starts, strict=True):
        best_s, least_s, best = 0.0, inf, None
        for seat in seats:
            seat.let_go(start)
            if seat.free <= 0:
                continue
            time_s = leg_s(seat.pace, seat.busy, leg, warmed=warmed)
            cost_s = price_s(time_s, seat.weak, seen.stake_s) if seat.weak else time_s
            if cost_s < least_s:
                best_s, least_s, best = start + time_s, cost_s, seat
        if best is None:
            best = min(seats, key=_next_s, default=None)
            if best is not None:
                best_s = best.ends[0] + leg_s(best.pace, best.busy - 1, leg, warmed=warmed)
            if others:
                other_s = max(others[0], start) + leg_s(seen.pace, crowd, leg)
                if best is None or other_s < best_s:
                    heapreplace(others, other_s)
                    done.append(other_s)
                    continue
        if best is not None:
            best.take(best_s)
        done.append(best_s)
    return done


@dataclass(slots=True)
class _Seat:
    """A node while legs are placed on it. `ends`: a heap of when those end."""

    free: int
    busy: int
    pace: Pace
    weak: float
    ends: list[float] = field(default_factory=list)

    def let_go(self, now: float) -> None:
        while self.ends and self.ends[0] <= now:
            heappop(self.ends)
            self.free += 1
            self.busy -= 1

    def take(self, until: float) -> None:
        """One more slot; where none is free, the one that will be next."""
        if self.free > 0:
            self.free -= 1
            self.busy += 1
            heappush(self.ends, until)
        else:
            heapreplace(self.ends, until)


def _next_s(seat: _Seat) -> float:
    return seat.ends[0]
