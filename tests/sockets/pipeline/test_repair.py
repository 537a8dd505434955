"""Weak passages: written once more while nobody reads them, and never exchanged under a reader's eyes."""

from typing import Any

import anyio
import pytest

from picegate.testbed.calls import Call
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Ends, Piece, Refusal, Reply
from tests.sockets.pipeline.asking import Heard, caught_up, eventually, hear, recorded
from tests.sockets.pipeline.stress import OF_THE_CLOUD, SKETCH, SLEEP, WALK, WORSE, WRONG, legs_of

ALL = ["latency", "cost", "quality"]
ON: dict[str, Any] = {"quality": {"repair": True, "cloud": ALL}, "progressive": {"warm": False}}


class Site:
    """Two nodes and a cloud. The first passage ends once `walked` is set; `answers` say what is written of sleep."""

    def __init__(self, *, walk: str = WALK, first: str = WRONG, second: Answer | None = None, cloud: Answer) -> None:
        self.walked = anyio.Event()
        self.walk = walk
        self.first = first
        self.second = second or Refusal(500)
        self.cloud = ScriptedCloud(lambda call: Reply(SKETCH) if call.leg == "sketch" else cloud)
        self.edges = [ScriptedEdge(name, self._writes) for name in ("one", "two")]

    def _writes(self, call: Call) -> Answer:
        if "Notes: Walking" in call.last:
            head, tail = self.walk[:20], self.walk[20:]
            return Reply(head, Piece(tail, after=self.walked))
        return Reply(self.first) if call.leg == "expand" else self.second

    def verifying(self) -> list[Call]:
        return [call for upstream in (*self.edges, self.cloud) for call in upstream.legs("verify")]


async def answered(c: Cluster, site: Site, rewrites: int) -> Heard:
    """The answer, whose first passage ends when so many rewrites of the second are done."""
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(hear, c.client(), heard)
        await eventually(lambda: sum(call.ended is not None for call in site.verifying()) >= rewrites)
        if not rewrites:
            await eventually(lambda: any("Notes: Sleep" in call.last for edge in site.edges for call in edge.calls))
        await caught_up(c)
        site.walked.set()
    return heard


async def test_a_weak_passage_is_written_again_by_another_node_before_it_is_read() -> None:
    site = Site(second=Reply(SLEEP), cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 1)
        assert heard.text == f"Opening.\n\n{WALK}\n\n{SLEEP}\n\nClosing."
        weak, better = legs_of(heard, 1)
        assert (weak["leg"], better["leg"]) == ("expand", "verify")
        assert weak["node"] != better["node"]
        assert (weak["kept"], better["kept"]) == (False, True)
        assert weak["quality"]["confidence"] < 0.5 < better["quality"]["confidence"]
        assert "contradiction" in weak["quality"]["defects"]
        assert not site.cloud.legs("verify")


async def test_a_confident_passage_gets_no_second_opinion() -> None:
    site = Site(first=SLEEP, cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 0)
        assert SLEEP in heard.text
        assert not site.verifying()
        assert [leg["kept"] for leg in legs_of(heard, 1)] == [True]


async def test_a_weak_passage_that_is_being_read_stays() -> None:
    weak = "Walking for 90 minutes three times a week lowers cortisol, and a calm pace is quite enough for that."
    site = Site(walk=weak, first=SLEEP, cloud=Reply(WALK))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 0)
        assert weak in heard.text
        assert not site.verifying()
        assert legs_of(heard, 0)[0]["quality"]["confidence"] < 0.5


async def test_the_cloud_writes_what_no_node_wrote_better() -> None:
    site = Site(second=Reply(WORSE), cloud=Reply(OF_THE_CLOUD))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 2)
        assert OF_THE_CLOUD in heard.text
        assert [(leg["node"] == "cloud", leg["kept"]) for leg in legs_of(heard, 1)] == [
            (False, False),
            (False, False),
            (True, True),
        ]


async def test_where_all_are_weak_the_best_is_read() -> None:
    site = Site(first=WORSE, second=Reply(WRONG), cloud=Reply(WORSE + " years and days"))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 2)
        assert WRONG in heard.text
        assert [leg["kept"] for leg in legs_of(heard, 1)] == [False, True, False]


async def test_of_equals_the_first_stays() -> None:
    site = Site(second=Reply(WRONG), cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, cloud={"retries": 0}, **ON) as c:
        heard = await answered(c, site, 2)
        assert heard.text.count(WRONG) == 1
        assert [leg.get("kept") for leg in legs_of(heard, 1)] == [True, False, None]


async def test_when_its_turn_comes_the_best_so_far_is_read_and_the_rewrite_is_stopped() -> None:
    site = Site(second=Reply("Sleep for 7 to", ends=Ends.HANG), cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: any(call.sent for call in site.verifying()))
            site.walked.set()
        assert heard.text == f"Opening.\n\n{WALK}\n\n{WRONG}\n\nClosing."
        assert [leg["end"] for leg in legs_of(heard, 1)] == ["done", "cancelled"]
        await eventually(lambda: not c.open_legs)


@pytest.mark.parametrize(
    "second", [Reply(), Refusal(500), Reply("I am sorry, but I cannot."), Reply("", ends=Ends.CUT)]
)
async def test_a_rewrite_that_fails_leaves_the_passage_as_it_was(second: Answer) -> None:
    site = Site(second=second, cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, cloud={"retries": 0}, **ON) as c:
        heard = await answered(c, site, 2)
        assert heard.text == f"Opening.\n\n{WALK}\n\n{WRONG}\n\nClosing."


async def test_the_cloud_repairs_nothing_where_a_service_level_forbids_it() -> None:
    site = Site(second=Reply(WORSE), cloud=Reply(OF_THE_CLOUD))
    quality = {"repair": True, "cloud": ["cost", "quality"]}
    async with cluster(site.cloud, site.edges, quality=quality, progressive={"warm": False}) as c:
        heard = await answered(c, site, 1)
        assert WRONG in heard.text
        assert not site.cloud.legs("verify")


async def test_off_is_off() -> None:
    site = Site(second=Reply(SLEEP), cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, quality={"repair": False}, progressive={"warm": False}) as c:
        heard = await answered(c, site, 0)
        assert WRONG in heard.text
        assert not site.verifying()
        assert all("quality" not in leg for leg in heard.pice["legs"])


async def test_the_scores_stand_in_the_record_of_the_request() -> None:
    site = Site(second=Reply(SLEEP), cloud=Refusal(500))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, 1)
        found = await recorded(c, heard)
        scored = [leg["quality"] for leg in found["legs"] if leg["point"] == 1]
        assert [quality["kept"] for quality in scored] == [False, True]
        assert scored[0]["confidence"] < 0.5
        assert scored[0]["defects"]["contradiction"] == 1.0
