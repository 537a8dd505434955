"""The three modes through the official SDK: scripted upstreams, the real gateway, real sockets."""

import anyio
import pytest
from openai import OpenAI

from picegate.testbed.cloud import CLOSING, OPENING, PLAIN, POINTS, ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Piece, Reply
from tests.sockets.pipeline.asking import body, eventually, hear


def is_progressive(text: str) -> bool:
    """Opening, the three passages in order, closing, and no delegation line."""
    wanted = [OPENING, *POINTS, CLOSING]
    places = [text.find(part) for part in wanted]
    return -1 not in places and places == sorted(places) and ">>" not in text


async def test_a_progressive_answer_streams() -> None:
    async with cluster() as c:
        heard = await hear(c.client())
        assert is_progressive(heard.text), heard.text
        assert heard.finish_reason == "stop"
        assert heard.headers["x-pice-mode"] == "progressive"
        assert len({chunk.id for chunk in heard.chunks}) == 1
        assert heard.pice["edge_tokens"]["completion"] > 0
        assert set(heard.pice["nodes"]) <= {"edge-1", "edge-2"}


async def test_passages_stand_apart_by_one_blank_line() -> None:
    async with cluster() as c:
        text = (await hear(c.client())).text
        paragraphs = text.split("\n\n")
        assert len(paragraphs) == 5, text
        assert not any(paragraph != paragraph.strip() for paragraph in paragraphs)


async def test_a_progressive_answer_comes_whole_where_no_stream_is_asked() -> None:
    async with cluster() as c:
        reply = await c.client().chat.completions.create(**body())
        assert is_progressive(reply.choices[0].message.content)
        assert reply.model == "pice-progressive"
        assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "said"), [("pice-progressive", OPENING), ("pice-cloud", PLAIN), ("pice-edge", "says [edge-")]
)
async def test_the_sync_client_gets_every_mode(model: str, said: str, stream: bool) -> None:
    async with cluster() as c:
        assert said in await anyio.to_thread.run_sync(_ask_sync, c, model, stream)


def _ask_sync(c: Cluster, model: str, stream: bool) -> str:
    with OpenAI(base_url=c.url, api_key="sk-testbed", max_retries=0, timeout=20) as client:
        if not stream:
            return client.chat.completions.create(**body(model)).choices[0].message.content or ""
        with client.chat.completions.create(**body(model), stream=True) as chunks:
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_the_planner_chooses_where_the_client_does_not() -> None:
    async with cluster() as c:
        client = c.client()
        assert (await hear(client, **body("pice"))).headers["x-pice-mode"] == "progressive"
        assert (await hear(client, **body("pice", "What is the capital of Peru?"))).headers["x-pice-mode"] == "cloud"


async def test_the_legs_say_what_they_are() -> None:
    async with cluster() as c:
        heard = await hear(c.client(), extra_body={"pice": {"level": 3}})
        sketch = c.cloud.calls[0]
        assert (sketch.leg, sketch.level) == ("sketch", "3")
        assert {call.leg for edge in c.edges for call in edge.calls} <= {"expand", "warm"}
        ids = {call.request_id for upstream in (c.cloud, *c.edges) for call in upstream.calls}
        assert ids == {heard.headers["x-request-id"]}


async def test_a_points_expansion_starts_before_the_sketch_has_ended() -> None:
    rest = anyio.Event()
    cloud = ScriptedCloud(
        lambda _: Reply("Opening.\n", ">>40 First fact: 30 minutes\n", Piece(">>40 Second fact\n", after=rest))
    )
    async with cluster(cloud) as c, anyio.create_task_group() as group:
        group.start_soon(hear, c.client())
        await eventually(lambda: any(call.leg == "expand" for edge in c.edges for call in edge.calls))
        assert c.cloud.open_legs == 1
        rest.set()


async def test_points_are_expanded_side_by_side() -> None:
    go = anyio.Event()

    def edge(name: str) -> ScriptedEdge:
        return ScriptedEdge(name, lambda call: Reply(f"[{name}] wrote this.", before=go))

    async with (
        cluster(edges=[edge("a"), edge("b")], progressive={"warm": False}) as c,
        anyio.create_task_group() as group,
    ):
        group.start_soon(hear, c.client())
        await eventually(lambda: sum(fake.open_legs for fake in c.edges) >= 3)
        assert all(fake.open_legs for fake in c.edges)
        go.set()


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
async def test_the_reading_order_holds_whichever_passage_is_done_first(order: tuple[int, ...]) -> None:
    gates = [anyio.Event() for _ in POINTS]
    ended = [anyio.Event() for _ in POINTS]

    def write(call: object) -> Reply:
        number = next(i for i, point in enumerate(POINTS) if point in call.last)  # type: ignore[attr-defined]
        return Reply(f"{POINTS[number]}, at length.", before=gates[number])

    edge = ScriptedEdge("edge-1", write, slots=4)
    async with cluster(edges=[edge], progressive={"warm": False}) as c, anyio.create_task_group() as group:

        async def conduct() -> None:
            for done, number in enumerate(order, start=1):
                gates[number].set()
                await eventually(lambda done=done: sum(call.ended is not None for call in edge.calls) >= done)
                ended[number].set()

        group.start_soon(conduct)
        with anyio.fail_after(10):
            assert is_progressive((await hear(c.client())).text)


async def test_the_passage_whose_turn_it_is_streams_live() -> None:
    rest = anyio.Event()
    edge = ScriptedEdge(
        "edge-1", lambda _: Reply("The first half of it, ", Piece("and the second half.", after=rest)), slots=1
    )
    async with cluster(edges=[edge], progressive={"warm": False}) as c:
        stream = await c.client().chat.completions.create(**body(), stream=True)
        text = ""
        with anyio.fail_after(10):
            async for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if "first half" in text:
                    rest.set()
        assert "second half" in text


async def test_a_dependent_point_is_written_after_what_stands_before_it_and_by_the_same_node() -> None:
    sketch = "Opening.\n>>40 Sleep for seven hours\n>>60+ How it goes together in a plan\n"
    cloud = ScriptedCloud(lambda _: Reply(sketch))
    async with cluster(cloud, progressive={"warm": False}) as c:
        text = (await hear(c.client())).text
        calls = [(edge.name, call) for edge in c.edges for call in edge.calls if call.leg == "expand"]
        (first_node, first), (second_node, second) = sorted(calls, key=lambda pair: pair[1].started)
        assert first_node == second_node
        assert second.started >= first.ended
        assert "Opening." in second.prompt
        assert f"seven hours, says [{first_node}]" in second.prompt
        assert text.index("Sleep") < text.index("How it goes together")


async def test_agents_read_the_question_while_the_cloud_still_thinks() -> None:
    think = anyio.Event()
    cloud = ScriptedCloud(lambda _: Reply("Opening.\n>>40 A fact\n", before=think))
    async with cluster(cloud) as c, anyio.create_task_group() as group:
        group.start_soon(hear, c.client())
        await eventually(lambda: all(any(call.leg == "warm" for call in edge.calls) for edge in c.edges))
        think.set()


async def test_a_sketch_without_points_is_the_direct_answer() -> None:
    async with cluster(ScriptedCloud(lambda _: Reply("Just ", "four: 2 + 2 = 4."))) as c:
        heard = await hear(c.client())
        assert heard.text == "Just four: 2 + 2 = 4."
        assert not any(call.leg == "expand" for edge in c.edges for call in edge.calls)


async def test_a_japanese_question_is_answered_in_japanese_end_to_end() -> None:
    sketch = (
        "ストレスには多くの原因があります。\n＞＞４０ 運動：週に3回、30分歩くと楽になる\n"
        ">>40 睡眠：7時間から9時間\n長引くときは医師へ。"
    )
    cloud = ScriptedCloud(lambda _: Reply(*sketch))  # one character a chunk

    def write(call: object) -> Reply:
        fact = "週に3回、30分歩きましょう。" if "運動" in call.last else "毎日7時間は眠りましょう。"  # type: ignore[attr-defined]
        return Reply(*fact)

    async with cluster(cloud, edges=[ScriptedEdge("edge-1", write)]) as c:
        heard = await hear(
            c.client(), **body(question="ストレスを減らすにはどうすればよいですか。詳しく教えてください。")
        )
        assert heard.text == (
            "ストレスには多くの原因があります。\n\n週に3回、30分歩きましょう。\n\n毎日7時間は眠りましょう。\n\n長引くときは医師へ。"
        )
        system = c.cloud.calls[0].messages[0]["content"]
        assert any("ぁ" <= character <= "ん" for character in system)


async def test_thinking_is_passed_on_as_thinking_and_never_parsed() -> None:
    cloud = ScriptedCloud(lambda _: Reply(Piece(reasoning=">>60 not a point\n"), "Opening.\n", ">>40 A fact\n"))
    async with cluster(cloud) as c:
        heard = await hear(c.client())
        assert heard.reasoning == ">>60 not a point\n"
        assert sum(call.leg == "expand" for edge in c.edges for call in edge.calls) == 1


async def test_the_sketch_is_shown_as_thinking_when_the_config_says_so() -> None:
    async with cluster(progressive={"show_sketch": True}) as c:
        heard = await hear(c.client())
        assert heard.reasoning.count(">>40") == len(POINTS)
        assert ">>" not in heard.text


async def test_the_clients_system_prompt_and_history_travel_along() -> None:
    messages = [
        {"role": "system", "content": "Answer as a pirate."},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "Captain Flint."},
        {"role": "user", "content": "What helps against stress, captain?"},
    ]
    async with cluster() as c:
        await hear(c.client(), messages=messages)
        for call in [c.cloud.calls[0], *(call for edge in c.edges for call in edge.calls)]:
            assert sum(message["role"] == "system" for message in call.messages) == 1
            assert "Answer as a pirate." in call.prompt
            assert "Captain Flint." in call.prompt
            assert "What helps against stress, captain?" in call.prompt


async def test_thinking_inside_the_clouds_text_is_not_taken_for_a_sketch() -> None:
    cloud = ScriptedCloud(lambda _: Reply(*"<think>\n>>60 not a point\n</think>\n\nOpening.\n>>40 A fact\n"))
    async with cluster(cloud) as c:
        heard = await hear(c.client())
        assert heard.reasoning == "\n>>60 not a point\n"
        assert heard.text.startswith("Opening.\n\nA fact")
