"""Legs that fail: nothing the reader has seen is repeated or lost, and somebody always finishes the passage."""

import anyio
import pytest
from openai import APIError, APIStatusError, AsyncOpenAI

from picegate.testbed.calls import Call
from picegate.testbed.cloud import CLOSING, OPENING, PLAIN, POINTS, ScriptedCloud
from picegate.testbed.cluster import cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Drop, Ends, Piece, Refusal, Reply
from tests.sockets.pipeline.asking import Heard, body, eventually, hear, node_states

ONE_POINT = "Opening.\n>>40 Sleep takes seven to nine hours\nClosing."


def one_point(call: Call) -> Answer:
    return Reply(ONE_POINT) if call.leg == "sketch" else Reply("The cloud wrote this passage.")


@pytest.mark.parametrize(
    "fault",
    [
        Drop(),
        Refusal(500),
        Refusal(401),
        Refusal(404),
        Reply(),
        Reply("   "),
        Reply("", ends=Ends.CUT),
        Reply(ends=Ends.ERROR),
    ],
    ids=["dropped", "500", "401", "404", "empty", "blank", "cut", "error"],
)
async def test_a_passage_whose_node_fails_is_written_by_another(fault: Answer) -> None:
    edges = [ScriptedEdge("bad", lambda _: fault, slots=8), ScriptedEdge("good", slots=8)]
    async with cluster(edges=edges, progressive={"warm": False}) as c:
        heard = await hear(c.client())
        for point in POINTS:
            assert heard.text.count(point) == 1
        assert "[good]" in heard.text
        assert heard.text.endswith(CLOSING)


async def test_what_was_seen_of_a_passage_is_continued_never_repeated() -> None:
    edges = [
        ScriptedEdge("one", lambda call: edge_line(call, "one")),
        ScriptedEdge("two", lambda call: edge_line(call, "two")),
    ]

    def edge_line(call: Call, name: str) -> Answer:
        if call.messages[-1]["role"] == "assistant":
            assert call.messages[-1]["content"] == "Sleep seven hours"
            return Reply(" to nine hours, ", f"says {name}.")
        return Reply("Sleep seven hours to", ends=Ends.HANG)

    async with cluster(ScriptedCloud(one_point), edges, progressive={"warm": False}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: "seven hours" in heard.text)
            next(edge for edge in c.edges if edge.calls).kill()
        passage = heard.text.split("\n\n")[1]
        assert passage.startswith("Sleep seven hours to nine hours, says ")
        assert heard.finish_reason == "stop"


async def test_the_cloud_goes_on_where_the_last_node_died() -> None:
    def cloud(call: Call) -> Answer:
        return Reply(ONE_POINT) if call.leg == "sketch" else Reply("to nine hours, says the cloud.")

    edge = ScriptedEdge("only", lambda _: Reply("Sleep seven hours to", ends=Ends.CUT))
    async with cluster(ScriptedCloud(cloud), [edge], progressive={"warm": False}) as c:
        heard = await hear(c.client())
        assert heard.text == "Opening.\n\nSleep seven hours to nine hours, says the cloud.\n\nClosing."
        assert c.cloud.calls[-1].leg == "hedge"
        assert "Sleep seven hours" in c.cloud.calls[-1].prompt


async def test_a_repeated_beginning_is_dropped_when_a_passage_is_continued() -> None:
    def cloud(call: Call) -> Answer:
        return Reply(ONE_POINT) if call.leg == "sketch" else Reply("Sleep seven hours to nine hours, says the cloud.")

    edge = ScriptedEdge("only", lambda _: Reply("Sleep seven hours to", ends=Ends.CUT))
    async with cluster(ScriptedCloud(cloud), [edge], progressive={"warm": False}) as c:
        assert (
            await hear(c.client())
        ).text == "Opening.\n\nSleep seven hours to nine hours, says the cloud.\n\nClosing."


async def test_where_all_nodes_fail_the_cloud_writes_the_passages() -> None:
    edges = [ScriptedEdge("a", lambda _: Drop()), ScriptedEdge("b", lambda _: Drop())]
    async with cluster(ScriptedCloud(one_point), edges) as c:
        assert (await hear(c.client())).text == "Opening.\n\nThe cloud wrote this passage.\n\nClosing."


async def test_a_request_that_nodes_refuse_counts_against_them_once() -> None:
    points = "\n".join(["Opening.", *(f">>20 Sleep takes {hours} hours" for hours in range(5)), "Closing."])

    def cloud(call: Call) -> Answer:
        return Reply(points) if call.leg == "sketch" else Reply("The cloud wrote this passage.")

    edges = [ScriptedEdge(name, lambda _: Refusal(400), slots=8) for name in ("a", "b")]
    limits = {"failures_to_open": 2}
    async with cluster(ScriptedCloud(cloud), edges, progressive={"warm": False}, fleet=limits) as c:
        assert (await hear(c.client())).finish_reason == "stop"
        assert min(len(edge.calls) for edge in c.edges) > 2
        assert await node_states(c) == {"a": "ready", "b": "ready"}
        await hear(c.client())  # two requests in a row: the nodes are at fault
        assert await node_states(c) == {"a": "lost", "b": "lost"}


async def test_where_nobody_can_expand_a_point_its_own_text_stands_in() -> None:
    def cloud(call: Call) -> Answer:
        return Reply(ONE_POINT) if call.leg == "sketch" else Refusal(500)

    async with cluster(ScriptedCloud(cloud), [ScriptedEdge("a", lambda _: Drop())], cloud={"retries": 0}) as c:
        heard = await hear(c.client())
        assert "Sleep takes seven to nine hours" in heard.text
        assert heard.text.startswith("Opening.")
        assert heard.text.endswith("Closing.")


async def test_a_node_that_hangs_is_left_for_another() -> None:
    edges = [
        ScriptedEdge("slow", lambda _: Reply("Slee", ends=Ends.HANG)),
        ScriptedEdge("good", lambda _: Reply("Sleep enough.")),
    ]
    limits = {"first_token_s": 0.3, "between_tokens_s": 0.3}
    async with cluster(ScriptedCloud(one_point), edges, fleet=limits, progressive={"warm": False}) as c:
        with anyio.fail_after(10):
            assert "Sleep enough." in (await hear(c.client())).text


async def test_without_any_node_the_cloud_answers_whole() -> None:
    async with cluster(edges=[]) as c:
        heard = await hear(c.client())
        assert heard.text == PLAIN
        assert heard.headers["x-pice-mode"] == "cloud"
        assert c.cloud.calls[0].leg == "cloud"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", [Drop(), Refusal(500), Refusal(503)], ids=["dropped", "500", "503"])
async def test_when_the_cloud_is_down_an_edge_answers(fault: Answer, stream: bool) -> None:
    async with cluster(ScriptedCloud(lambda _: fault), cloud={"retries": 0}) as c:
        raw = await c.client().chat.completions.with_raw_response.create(**body("pice", stream=stream))
        assert raw.headers["x-pice-mode"] == "edge"
        assert "cloud_down" in raw.headers["x-pice-reason"]


async def test_cloud_and_edges_down_is_a_503_in_openais_shape() -> None:
    async with cluster(ScriptedCloud(lambda _: Drop()), edges=[], cloud={"retries": 0}) as c:
        with pytest.raises(APIStatusError) as raised:
            await c.client().chat.completions.create(**body("pice"))
        assert raised.value.status_code == 503
        assert raised.value.code == "cloud_unavailable"
        assert "retry-after" in raised.value.response.headers


async def test_private_text_never_reaches_the_cloud() -> None:
    edges = [ScriptedEdge("a", lambda _: Drop())]
    async with cluster(edges=edges) as c:
        with pytest.raises(APIStatusError) as raised:
            await c.client().chat.completions.create(**body("pice"), extra_body={"pice": {"data_policy": "edge_only"}})
        assert raised.value.status_code == 503
        assert c.cloud.calls == []


async def test_a_whole_edge_answer_goes_on_when_its_node_dies() -> None:
    def writes(call: Call, name: str) -> Answer:
        if call.messages[-1]["role"] == "assistant":
            return Reply(f" goes on, says {name}.")
        return Reply("It begins and", ends=Ends.CUT)

    edges = [ScriptedEdge("a", lambda call: writes(call, "a")), ScriptedEdge("b", lambda call: writes(call, "b"))]
    async with cluster(edges=edges) as c:
        heard = await hear(c.client(), **body("pice-edge"))
        assert heard.text in ("It begins and goes on, says a.", "It begins and goes on, says b.")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Refusal(401, message="bad key sk-secret"), 502, "cloud_misconfigured"),
        (Refusal(429, headers={"retry-after": "7"}), 429, "rate_limit_exceeded"),
        (Refusal(400, message="temperature is too hot", code="invalid_value"), 400, "invalid_value"),
        (Refusal(500), 503, "cloud_unavailable"),
    ],
)
async def test_what_the_cloud_refuses_before_the_first_byte_has_its_own_status(
    fault: Refusal, status: int, code: str
) -> None:
    async with cluster(ScriptedCloud(lambda _: fault), edges=[], cloud={"retries": 0}) as c:
        for stream in (True, False):
            with pytest.raises(APIStatusError) as raised:
                await c.client().chat.completions.create(**body("pice-cloud"), stream=stream)
            assert (raised.value.status_code, raised.value.code) == (status, code)
            assert "sk-secret" not in str(raised.value)
        if status == 429:
            assert raised.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["pice-cloud", "pice-progressive"])
@pytest.mark.parametrize("ends", [Ends.CUT, Ends.ERROR])
async def test_a_cloud_that_breaks_in_the_middle_raises_in_the_client(model: str, ends: Ends) -> None:
    async with cluster(ScriptedCloud(lambda _: Reply("The beginning ", "of an answer\n", ends=ends))) as c:
        heard = Heard()
        with pytest.raises(APIError) as raised:
            await hear(c.client(), heard, **body(model))
        assert "The beginning" in heard.text
        assert raised.value.code == "cloud_stream_broken"


async def test_points_under_way_are_finished_when_the_sketch_breaks() -> None:
    cloud = ScriptedCloud(lambda _: Reply("Opening.\n", ">>40 A fact about sleep\n", "Half a li", ends=Ends.CUT))
    async with cluster(cloud) as c:
        heard = Heard()
        with pytest.raises(APIError):
            await hear(c.client(), heard)
        assert "A fact about sleep" in heard.text


async def gone(client: AsyncOpenAI, stream: bool, model: str) -> None:
    reply = await client.chat.completions.create(**body(model), stream=stream)
    async for _ in reply:
        pass


@pytest.mark.parametrize("model", ["pice-progressive", "pice-cloud", "pice-edge"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("when", ["before the first token", "in the middle"])
async def test_a_client_that_goes_away_leaves_no_leg_open(model: str, stream: bool, when: str) -> None:
    def hang(call: Call) -> Answer:
        begun = "Opening.\n>>40 A fact\n" if call.leg == "sketch" else "It begins "
        pieces = () if when == "before the first token" else (Piece(begun),)
        return Reply(*pieces, ends=Ends.HANG)

    edges = [ScriptedEdge("edge-1", hang), ScriptedEdge("edge-2", hang)]
    async with cluster(ScriptedCloud(hang), edges) as c:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(gone, c.client(), stream, model)
                await eventually(
                    lambda: any(
                        call.leg in ("sketch", "cloud", "edge") for up in (c.cloud, *c.edges) for call in up.calls
                    )
                )
                if model == "pice-progressive" and when == "in the middle":
                    await eventually(lambda: any(call.leg == "expand" for edge in c.edges for call in edge.calls))
                group.cancel_scope.cancel()
            await eventually(lambda: not c.open_legs)


async def test_the_opening_reaches_the_reader_before_any_passage_is_written() -> None:
    go = anyio.Event()
    edges = [ScriptedEdge("edge-1", lambda _: Reply("A passage.", before=go))]
    async with cluster(edges=edges, progressive={"warm": False}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: OPENING in heard.text)
            go.set()
