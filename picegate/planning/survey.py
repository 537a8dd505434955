"""The fleet in short, as one decision looks at it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from heapq import nsmallest
from math import inf

from picegate.core.plan import NodeState, NodeView, Pace
from picegate.core.value import value
from picegate.planning.latency import EDGE_GUESS
from picegate.planning.placement import TYPICAL_TOKENS, price_s

SHORTLIST = 12  # nodes that a schedule looks at more closely


@value
class Survey:
    """For one request.

    Attributes:
        ready: usable nodes, whether or not the request fits them; `fitting` of them hold its context, and `proven` ones
            of these have shown how fast they are.
        slots, free: over the fitting ones; what is lent is free, since it is given back.
        tokens_per_s: what they write together with every slot in use.
        shortlist: those with free slots that a passage would go to first, by `price_s`.
        pace: of a typical slot, weighted by slots.
        batch: sequences a node decodes now, weighted by slots; `full_batch` with every slot in use.
        context_tokens: of the fitting node with the largest context; None: of one of them no limit is known.
        weak, stake_s: as in the plan; of the models that the fitting nodes write with.
    """

    ready: int
    fitting: int
    proven: int
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


def survey(
    fleet: Iterable[NodeView],
    context_tokens: int,
    fears: Fears | None = None,
    stake_s: float = 0.0,
    *,
    trying: bool = False,
) -> Survey:
    """One pass over the nodes. `trying`: only those that have shown how fast they are are in the shortlist."""
    ready = fitting = proven = slots = free = 0
    rate = busy_slots = full = first = prefill = step = slope = doubt = 0.0
    candidates: list[tuple[float, int, NodeView]] = []
    models: set[str] = set()
    largest: float = 0
    for node in fleet:
        if node.state is not NodeState.READY:
            continue
        ready += 1
        context = node.context_tokens
        if context is None:
            largest = inf
        elif context < context_tokens:
            continue
        elif context > largest:
            largest = context
        fitting += 1
        models.add(node.model)
        own, pace = node.slots, node.pace
        if pace is None:
            pace = EDGE_GUESS
        elif node.proven:
            proven += 1
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
    if trying:
        candidates = [one for one in candidates if one[2].proven]
    weak = fears(frozenset(models)) if fears is not None and len(models) > 1 else {}
    if weak:
        candidates = [
            (price_s(time_s, weak.get(node.model, 0.0), stake_s), number, node) for time_s, number, node in candidates
        ]
    best = nsmallest(SHORTLIST, candidates)  # ties go by order; the nodes themselves are never compared
    return Survey(
        ready,
        fitting,
        proven,
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
