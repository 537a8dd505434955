"""What the record of a request says of points that were cut, and of points that shared a leg."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from picegate.core.chat import Ask, Message, Mode, PiceOptions
from picegate.core.events import Event, SegmentDone, SketchPoint
from picegate.core.plan import CloudView, NodeView
from picegate.core.ports import CloudCall, Delta, EdgeCall
from picegate.core.usage import LegKind, Tally
from picegate.nodes.lifecycle import Registry
from picegate.pipeline.answer import Pipeline
from picegate.pipeline.outside import Outside
from picegate.pipeline.strategist import Strategist
from picegate.settings import FleetSettings, PlannerSettings, ProgressiveSettings, StaticNodeSettings

QUESTION = "What helps against stress, and why does it help?"


class OneSketch:
    """A cloud that writes one sketch, its second half once the node is at work."""

    def __init__(self, sketch: str, at_work: anyio.Event) -> None:
        self._lines = sketch.splitlines(keepends=True)
        self._at_work = at_work

    def view(self) -> CloudView:
        return CloudView(limit=4)

    @asynccontextmanager
    async def stream(self, call: CloudCall) -> AsyncIterator[AsyncIterator[Delta]]:
        yield self._write()

    async def _write(self) -> AsyncIterator[Delta]:
        yield Delta(self._lines[0])
        if len(self._lines) > 1:
            await self._at_work.wait()
        yield Delta("".join(self._lines[1:]), finish_reason="stop")
        self._at_work.set()

    def relay(self, call: CloudCall) -> Any:
        raise NotImplementedError

    async def complete(self, call: CloudCall) -> dict[str, Any]:
        raise NotImplementedError


class Echo:
    """Nodes whose passages hold their notes. A passage waits until the cloud has written all."""

    def __init__(self, at_work: anyio.Event) -> None:
        self._at_work = at_work

    @asynccontextmanager
    async def stream(self, node: NodeView, call: EdgeCall) -> AsyncIterator[AsyncIterator[Delta]]:
        yield self._write(call)

    async def _write(self, call: EdgeCall) -> AsyncIterator[Delta]:
        self._at_work.set()
        await anyio.wait_all_tasks_blocked()
        notes = call.messages[-1].text.rpartition("Notes: ")[2].partition("\n")[0]
        yield Delta(f"It is known by now that {notes}.", finish_reason="stop")

    async def warm(self, node: NodeView, call: EdgeCall) -> None:
        raise NotImplementedError


async def answered(sketch: str, slots: int) -> tuple[Tally, list[Event]]:
    at_work = anyio.Event()
    registry = Registry(
        FleetSettings(),
        [StaticNodeSettings(name="n", url="http://n:1/v1", model="m", slots=slots)],
        clock=anyio.current_time,
    )
    limits = ProgressiveSettings(warm=False)
    strategist = Strategist(limits, PlannerSettings(), anyio.current_time)
    outside = Outside(OneSketch(sketch, at_work), Echo(at_work), registry, strategist, limits)
    payload = {"messages": [{"role": "user", "content": QUESTION}]}
    ask = Ask("r", "pice", (Message("user", QUESTION),), payload, options=PiceOptions(mode=Mode.PROGRESSIVE))
    with anyio.fail_after(10):
        async with Pipeline(outside, anyio.current_time).answer(ask) as run:
            return run.tally, [event async for event in run]


async def test_points_that_share_a_leg_have_a_record_each_and_say_where_they_stand() -> None:
    tally, events = await answered(">>40 Sleep 7 hours\n>>20 Walk 30 minutes\n>>25 Call 2 friends\n", slots=1)
    held, walk, friends = tally.passages
    assert [(one.segment, one.point, one.words, one.within) for one in (held, walk, friends)] == [
        (0, 0, 40, None),
        (1, 1, 20, None),
        (2, 2, 25, 1),
    ]
    assert (
        (friends.writer, friends.attempts, friends.stood_in)
        == (walk.writer, walk.attempts, walk.stood_in)
        == ("n", 1, False)
    )
    assert friends.done_s == walk.done_s is not None
    assert friends.turn_s is not None
    assert [leg.point for leg in tally.legs if leg.kind is LegKind.EXPAND] == [0, 1]
    assert [event.point for event in events if isinstance(event, SegmentDone)] == [0, 1, 2]
    assert len([event for event in events if isinstance(event, SketchPoint)]) == 3


async def test_the_parts_of_a_point_have_a_record_each_under_its_number() -> None:
    tally, events = await answered(">>140 Sleep: seven hours; a fixed wake time; no screens; a dark room\n", slots=8)
    assert len(tally.passages) > 1
    assert {one.point for one in tally.passages} == {0}
    assert sum(one.words for one in tally.passages) == 140
    assert all(one.done_s is not None and one.writer == "n" for one in tally.passages)
    assert [one.segment for one in tally.passages] == sorted(
        event.segment for event in events if isinstance(event, SegmentDone)
    )
    assert len([event for event in events if isinstance(event, SketchPoint)]) == 1
