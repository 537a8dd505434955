"""`stop` and `max_tokens` hold over the whole merged answer, and what is over is stopped upstream too."""

import anyio

from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import cluster
from picegate.testbed.script import Ends, Reply
from tests.sockets.pipeline.asking import body, eventually, hear


async def test_a_stop_string_inside_a_passage_ends_the_answer() -> None:
    async with cluster() as c:
        heard = await hear(c.client(), stop=["fixed wake"])
        assert "cortisol" in heard.text
        assert heard.text.rstrip().endswith("nine hours with a")
        assert heard.finish_reason == "stop"


async def test_a_stop_string_in_the_sketch_does_not_end_the_sketch_early() -> None:
    async with cluster() as c:
        heard = await hear(c.client(), stop=">>")
        assert "doctor" in heard.text
        assert "stop" not in c.cloud.calls[0].body


async def test_a_stop_hit_closes_every_leg() -> None:
    cloud = ScriptedCloud(lambda _: Reply("One. Two. HALT and more.", ends=Ends.HANG))
    async with cluster(cloud) as c:
        with anyio.fail_after(10):
            heard = await hear(c.client(), stop="HALT")
            assert heard.text.strip() == "One. Two."
            await eventually(lambda: not c.open_legs)


async def test_max_tokens_bounds_the_merged_answer() -> None:
    async with cluster() as c:
        heard = await hear(c.client(), max_tokens=30)
        assert heard.finish_reason == "length"
        assert 0 < heard.usage.completion_tokens <= 30
        whole = (await hear(c.client())).text
        assert whole.startswith(heard.text.rstrip())


async def test_an_edge_answer_keeps_the_limits_too() -> None:
    async with cluster() as c:
        await hear(c.client(), **body("pice-edge", max_tokens=17, stop=["END"]))
        call = next(call for edge in c.edges for call in edge.calls)
        assert (call.leg, call.body["max_tokens"], call.body["stop"]) == ("edge", 17, ["END"])
