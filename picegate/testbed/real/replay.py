"""A cloud that replays recorded sketches and writes nothing else."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import anyio
from anyio.from_thread import start_blocking_portal

from picegate.core.usage import LegKind
from picegate.testbed.calls import Call
from picegate.testbed.real.sketches import Sketch
from picegate.testbed.script import Answer, Piece, Refusal, Reply
from picegate.testbed.upstream import ScriptedUpstream

# Assumed: a hosted model's first token after 0.3 s, then 60 tokens a second.
FIRST_S = 0.3
STEP_S = 1 / 60


class ReplayingCloud(ScriptedUpstream):
    """A FAKE cloud. What is no sketch, such as a passage that no agent could write, it refuses: notes stand in then.

    A refusal of this very call (400), not a failure: a cloud that fails is not asked for sketches for a while.
    """

    def __init__(self, sketches: Iterable[Sketch]) -> None:
        super().__init__(model="recorded-sketches")
        self._sketches = {sketch.asked.text: sketch for sketch in sketches}

    def default(self, call: Call) -> Answer:
        sketch = self._sketches.get(call.last)
        if call.leg != LegKind.SKETCH or sketch is None:
            return Refusal(400, message="this cloud only replays sketches")
        due = call.started + FIRST_S
        return Reply(*(Piece(text, after=_At(due + n * STEP_S)) for n, text in enumerate(sketch.pieces)))


class _At:
    """A gate that opens at a time of the monotonic clock."""

    def __init__(self, due: float) -> None:
        self._due = due

    async def wait(self) -> None:
        await anyio.sleep(max(0.0, self._due - time.monotonic()))


@contextmanager
def replaying(sketches: Iterable[Sketch]) -> Iterator[str]:
    """Serve them from a thread of this process; gives the URL, ending in /v1."""
    cloud = ReplayingCloud(sketches)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(cloud):
        yield cloud.url
