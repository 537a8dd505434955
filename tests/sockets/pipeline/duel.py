"""Two models that write one point, and what tests of ensembles see of it."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx2

from picegate.testbed.calls import Call
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Piece, Reply
from tests.sockets.pipeline.asking import Heard, caught_up, eventually, hear, recorded
from tests.sockets.pipeline.stress import OF_THE_CLOUD, SKETCH, WALK, legs_of

ON: dict[str, Any] = {
    "quality": {"repair": False, "ensemble": "slack"},
    "progressive": {"warm": False},
    "planner": {"hedging": False, "resizing": False},
    "cloud": {"retries": 0},
}
ONE_TRY = {**ON, "progressive": {"warm": False, "attempts": 1}}
READ = f"Opening.\n\n{WALK}\n\n{{}}\n\nClosing."


class Site:
    """Two nodes of different models, and a cloud.

    Walking, which is read first, is written to its end once `walked` is set. Of sleep, whoever is asked first writes
    `first`, and who is asked for a second opinion `second`.

    Args:
        sketch: in which the second point is about sleep.
    """

    def __init__(
        self, first: Answer, second: Answer, *, sketch: str = SKETCH, slots: int = 4, walk: str = WALK
    ) -> None:
        self.walked = anyio.Event()
        self.walk = walk
        self.first, self.second = first, second
        self.cloud = ScriptedCloud(lambda call: Reply(sketch) if call.leg == "sketch" else Reply(OF_THE_CLOUD))
        self.edges = [
            ScriptedEdge(name, self._writes, slots=slots, model=model) for name, model in (("one", "m"), ("two", "n"))
        ]

    def _writes(self, call: Call) -> Answer:
        if "Walk" in call.last:
            return Reply(self.walk[:20], Piece(self.walk[20:], after=self.walked))
        return self.second if call.leg == "verify" else self.first

    def calls(self, *legs: str) -> list[Call]:
        """Of sleep, on nodes."""
        return [call for edge in self.edges for call in edge.legs(*legs) if "Walk" not in call.last]

    async def both(self, c: Cluster, condition: str = "ended") -> None:
        """Wait until both candidates have ended, or "sent" what they have to say."""
        await eventually(
            lambda: (
                len(self.calls("verify")) == 1
                and all(
                    call.ended is not None if condition == "ended" else call.sent
                    for call in self.calls("verify", "expand")
                )
            )
        )
        await caught_up(c)


async def answered(c: Cluster, site: Site, *, until: str = "ended", **fields: Any) -> Heard:
    """The answer, whose first passage ends when both candidates for the second have come so far."""
    heard = Heard()
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            await hear(c.client(), heard, **fields)

        group.start_soon(ask)
        await site.both(c, until)
        site.walked.set()
    await eventually(lambda: not c.open_legs)
    await all_free(c)
    return heard


async def answered_when(c: Cluster, site: Site, condition: Callable[[], bool]) -> Heard:
    """The answer, whose first passage ends when `condition` holds."""
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(hear, c.client(), heard)
        await eventually(condition)
        site.walked.set()
    return heard


async def all_free(c: Cluster) -> None:
    """Wait until every slot of the fleet is free, as operators see it."""
    async with httpx2.AsyncClient() as http:
        with anyio.fail_after(10):
            while True:
                nodes = (await http.get(f"{c.root}/admin/v1/nodes")).json()["data"]
                if all(node["free"] == node["slots"] for node in nodes):
                    return


async def passages(c: Cluster, heard: Heard) -> list[dict[str, Any]]:
    """Of an answer's record."""
    return list((await recorded(c, heard))["passages"])


def kept(heard: Heard) -> list[Any]:
    return [leg.get("kept") for leg in legs_of(heard, 1)]
