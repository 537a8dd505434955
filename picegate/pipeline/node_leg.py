"""One leg on one node: take a slot, open the stream, keep the record, tell the fleet what was seen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from picegate.core.errors import EdgeError, NodeRefused, NodeSlow
from picegate.core.plan import NodeView
from picegate.core.ports import Delta, EdgeCall, Observation, Wish
from picegate.core.usage import LegKind, LegRecord
from picegate.core.value import value
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run
from picegate.planning.patience import SLOW_S, SLOWER

EARLY_TOKENS = 16  # written, before anything is told of a node's speed


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
            lesson = _Lesson(outside, run, node, leg)
            try:
                async with outside.edge.stream(node, call) as deltas:
                    yield NodeStream(node, deltas, leg)
            except NodeSlow:
                failed.add(node.id)
                lesson.end()
                raise
            except EdgeError as error:
                failed.add(node.id)
                if not (isinstance(error, NodeRefused) and _has_refused(run, node)):
                    outside.fleet.observe(node.id, Observation(ok=False))
                raise
            lesson.end()


def give_up_if_slow(outside: Outside, name: str, late_s: float, rest_s: float, tokens: float) -> None:
    """End a leg that is `late_s` later than planned and would write for `rest_s` more.

    Raises:
        NodeSlow: the cloud would have `tokens` in half of that time.
    """
    if late_s > SLOW_S and rest_s > SLOWER * outside.strategist.cloud_s(outside.cloud.view(), tokens):
        raise NodeSlow(f"node {name} would write for {rest_s:.0f} s more")


class _Lesson:
    """What a leg shows of its node's speed: a part as soon as it can be seen, since a slow leg's end is far away."""

    def __init__(self, outside: Outside, run: Run, node: NodeView, leg: Leg) -> None:
        self._fleet = outside.fleet
        self._run = run
        self._node = node
        self._leg = leg
        self._batch = node.slots - node.free
        self._tokens, self._decode_s = 0, 0.0  # that were told of
        leg.call_at(EARLY_TOKENS, self._early)

    def end(self) -> None:
        """The leg has ended, be it before the passage did."""
        leg, record = self._leg, self._leg.record
        leg.settle()
        first_s = None
        if record.first_token_s is not None and not _was_reading(self._run, record):
            first_s = record.first_token_s - record.started_s
        read = max(record.tokens.prompt - record.tokens.cached, 0)
        written, decode_s = record.tokens.completion - self._tokens, leg.decode_s - self._decode_s
        self._tell(Observation(True, first_s, written, decode_s, prompt_tokens=read, batch=self._batch))

    def _early(self) -> None:
        self._tokens, self._decode_s = self._leg.written, self._leg.decode_s
        self._tell(Observation(None, None, self._tokens, self._decode_s, batch=self._batch))

    def _tell(self, seen: Observation) -> None:
        self._fleet.observe(self._node.id, seen)


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
