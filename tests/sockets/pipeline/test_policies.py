"""What the planner's switches and the baselines do to real traffic."""

import anyio
import httpx2
import pytest

from picegate.testbed.calls import Call
from picegate.testbed.cloud import CLOSING, OPENING, POINTS, ScriptedCloud
from picegate.testbed.cluster import cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Piece, Reply
from tests.sockets.pipeline.asking import Heard, body, eventually, hear, node_states, recorded

SKETCH = "Opening.\n>>40 First fact: 30 minutes\n>>40 Second fact: 7 hours\nClosing."


async def test_a_passage_whose_node_is_silent_is_begun_on_a_second_node_and_only_one_writes() -> None:
    never = anyio.Event()
    edges = [
        ScriptedEdge("silent", lambda _: Reply("I was silent.", before=never), slots=8),
        ScriptedEdge("quick", lambda _: Reply("I was quick."), slots=8),
    ]
    cloud = ScriptedCloud(lambda _: Reply(SKETCH))
    async with cluster(cloud, edges, progressive={"warm": False}, fleet={"failures_to_open": 1}) as c:
        with anyio.fail_after(15):  # well before the 20 s after which the silent node would be given up
            heard = await hear(c.client())
        assert heard.text == "Opening.\n\nI was quick.\n\nI was quick.\n\nClosing."
        assert c.edges[0].calls
        assert any(call.leg == "hedge" for call in c.edges[1].calls)
        await eventually(lambda: not c.open_legs)
        assert await node_states(c) == {"silent": "lost", "quick": "ready"}


async def test_without_pipelining_points_wait_for_the_end_of_the_sketch() -> None:
    rest = anyio.Event()
    cloud = ScriptedCloud(lambda _: Reply("Opening.\n", ">>40 First fact\n", Piece(">>40 Second fact\n", after=rest)))
    async with cluster(cloud, progressive={"warm": False}, planner={"pipelining": False}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: "Opening." in heard.text)
            assert not any(edge.calls for edge in c.edges)
            rest.set()
        assert sum(len(edge.calls) for edge in c.edges) == 2


async def test_warming_can_be_switched_off_by_the_planner() -> None:
    async with cluster(planner={"warm": False}) as c:
        await hear(c.client())
        assert {call.leg for edge in c.edges for call in edge.calls} == {"expand"}


async def test_sot_lets_the_cloud_expand_its_own_points() -> None:
    def cloud(call: Call) -> Answer:
        which = "second" if "Second fact" in call.last else "first"
        return Reply(SKETCH) if call.leg == "sketch" else Reply(f"The cloud wrote this {which}.")

    async with cluster(ScriptedCloud(cloud), planner={"policy": "sot"}) as c:
        heard = await hear(c.client(), **body("pice"))
        assert heard.text == "Opening.\n\nThe cloud wrote this first.\n\nThe cloud wrote this second.\n\nClosing."
        assert sorted(call.leg for call in c.cloud.calls) == ["expand", "expand", "sketch"]
        assert not any(edge.calls for edge in c.edges)


async def test_pice_like_shows_nothing_before_the_last_group_is_done() -> None:
    last = anyio.Event()

    def write(call: Call) -> Answer:
        if "Second fact" in call.last:
            return Reply(Piece("The second, after all.", after=last))
        return Reply("The first.")

    edges = [ScriptedEdge("a", write), ScriptedEdge("b", write)]
    settings = {"policy": "pice-like", "warm": False, "hedging": False, "fixed_level": 1}
    async with cluster(ScriptedCloud(lambda _: Reply(SKETCH)), edges, planner=settings) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: hear(c.client(), heard, **body("pice")))
            await eventually(lambda: sum(call.ended is not None for edge in c.edges for call in edge.calls) == 1)
            assert heard.text == ""
            last.set()
        assert heard.text == "Opening.\n\nThe first.\n\nThe second, after all.\n\nClosing."


async def test_pice_like_writes_the_points_of_a_group_one_after_another() -> None:
    edge = ScriptedEdge("only", lambda _: Reply("A passage."), slots=2)
    sketch = "Opening.\n" + "".join(f">>40 Fact number {number}\n" for number in range(6))
    settings = {"policy": "pice-like", "warm": False, "hedging": False}
    async with cluster(ScriptedCloud(lambda _: Reply(sketch)), [edge], planner=settings) as c:
        heard = await hear(c.client(), **body("pice"))
        assert heard.text.count("A passage.") == 6
        spans = sorted((call.started, call.ended) for call in edge.calls)
        assert all(sum(start <= at < end for start, end in spans if end) <= 2 for at, _ in spans)


@pytest.mark.parametrize(("policy", "mode"), [("cloud", "cloud"), ("edge", "edge")])
async def test_one_sided_policies_are_one_sided(policy: str, mode: str) -> None:
    async with cluster(planner={"policy": policy}) as c:
        assert (await hear(c.client(), **body("pice"))).headers["x-pice-mode"] == mode


async def test_what_was_forecast_stands_beside_what_came_of_it() -> None:
    async with cluster() as c:
        heard = await hear(c.client())
        for part in (OPENING, *POINTS, CLOSING):
            assert part in heard.text
        found = await recorded(c, heard)
        async with httpx2.AsyncClient() as http:
            metrics = (await http.get(f"{c.root}/metrics")).text
        forecast = found["forecast"]
        assert isinstance(forecast, dict)
        assert forecast["answer_tokens_p10"] < forecast["answer_tokens_p50"] < forecast["answer_tokens_p90"]
        assert forecast["finish_s"] > 0
        assert forecast["numbers"]["nodes_ready"] == 2
        assert 'picegate_forecast_answers_total{held="true",quantile="p90"} 1.0' in metrics
        assert 'picegate_predicted_finish_ratio_count{mode="progressive"} 1.0' in metrics


async def test_a_record_shows_that_no_later_way_than_the_cloud_alone_was_taken() -> None:
    async with cluster() as c:
        forecast = (await recorded(c, await hear(c.client(), **body("pice"))))["forecast"]
        alone, *others = forecast["options"]
        (chosen,) = [option for option in forecast["options"] if option["chosen"]]
        assert [(option["mode"], option["level"]) for option in (alone, *others)] == [
            ("cloud", 0),
            ("progressive", 1),
            ("progressive", 2),
            ("progressive", 3),
            ("edge", 0),
        ]
        assert chosen["mode"] == "progressive"
        assert chosen["finish_s"] <= alone["finish_s"] + forecast["numbers"]["spared_s"]
        assert 0 < forecast["delegable"] <= 1
        assert forecast["numbers"]["cloud_price_ms"] >= 0
        forced = (await recorded(c, await hear(c.client())))["forecast"]
        assert forced["options"] == []
