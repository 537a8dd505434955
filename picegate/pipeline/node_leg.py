"""One leg on one node: take a slot, open the stream, keep the record, tell the fleet what was seen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from picegate.core.errors import EdgeError, NodeRefused
from picegate.core.plan import NodeView
from picegate.core.ports import Delta, EdgeCall, Observation, Wish
from picegate.core.usage import LegKind, LegRecord
from picegate.core.value import value
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run


@value
class NodeStream:
    node: NodeView
    deltas: AsyncIterator[Delta]
    leg: Leg


@asynccontextmanager
async def node_leg(
    run: Run,
    outside: Outside,
    call_for: Callable[[NodeView], EdgeCall],
    wish: Wish,
    failed: set[str],
    point: int | None = None,
    slot_wait_s: float | None = None,
) -> AsyncIterator[NodeStream]:
    """A stream from the best free node, in a leg of its own; the reader shows each delta to `leg.see`.

    A node that fails is added to `failed`. `slot_wait_s`: another time to wait for a slot than the operator's.

    Raises:
        NoNode: no node fits or is free in time.
        EdgeError: the node failed, on opening or while its deltas are read.
    """
    asked_s = run.elapsed()
    async with outside.fleet.acquire(wish, slot_wait_s or outside.limits.slot_wait_s) as node:
        call = call_for(node)
        waited_s = run.elapsed() - asked_s
        with run.leg(call.kind, node.name, node.model, (m.text for m in call.messages), point, waited_s) as leg:
            try:
                async with outside.edge.stream(node, call) as deltas:
                    yield NodeStream(node, deltas, leg)
            except EdgeError as error:
                failed.add(node.id)
                if not (isinstance(error, NodeRefused) and _has_refused(run, node)):
                    outside.fleet.observe(node.id, Observation(ok=False))
                raise
            leg.settle()
            record = leg.record
            first = None
            if record.first_token_s is not None and not _was_reading(run, record):
                first = record.first_token_s - record.started_s
            tokens = record.tokens
            read = max(tokens.prompt - tokens.cached, 0)
            batch = node.slots - node.free
            outside.fleet.observe(
                node.id, Observation(True, first, tokens.completion, leg.decode_s, prompt_tokens=read, batch=batch)
            )


def _was_reading(run: Run, own: LegRecord) -> bool:
    """Whether another leg of this request was reading there when this one began, so that it waited for that."""
    for leg in run.tally.legs:
        if leg is not own and leg.where == own.where and leg.started_s <= own.started_s:
            read_s = leg.ended_s if leg.kind is LegKind.WARM else leg.first_token_s or leg.ended_s
            if read_s is None or read_s > own.started_s:
                return True
    return False


def _has_refused(run: Run, node: NodeView) -> bool:
    """Whether it has refused this request before: one that it can't serve says nothing new with every point."""
    return any(leg.error == NodeRefused.code and leg.where == node.name for leg in run.tally.legs)
