"""Which node writes a leg: the one that would finish it first.

A leg's time on a node is prefill (nothing of it where the node was warmed for this request) plus its tokens at the
speed of the batch it would join. Points are placed one by one in reading order, each with those before it already in
their batches, so what is read first is placed best; since every point is placed when its line closes, the plan is made
anew with every line.

A model that is feared to write a weak passage pays for that (`price_s`): its node is taken only where it is sooner by
more.
"""

from collections.abc import Iterable, Mapping
from math import inf

from picegate.core.plan import NodeState, NodeView, Pace
from picegate.core.value import value
from picegate.planning.latency import EDGE_GUESS

TYPICAL_TOKENS = 90.0  # of a passage
TYPICAL_PROMPT = 300.0  # of a passage's prompt
_PATIENT = 2.0  # a slow node is left aside where waiting for a fast one takes less than half of its time


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
    of all, so that it is tried, by one leg at a time. None: no fitting node has a free slot, or those that have are so
    slow that waiting for a faster one takes less time, with rewrites but without the stake: however much is at stake, a
    leg waits only for what would be sooner. A slot comes free after a typical passage's time divided by the node's
    slots.
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
    if unknown is not None and (best is None or (best.free < best.slots and unknown.free == unknown.slots)):
        return unknown
    return best if best_s <= _PATIENT * later_s else None
