"""The edge client against scripted nodes on real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import pytest

from picegate.clients.edge import EdgeClient
from picegate.core.chat import Message, Sampling
from picegate.core.errors import EdgeError, NodeBroken, NodeRefused, NodeTimeout, NodeUnavailable
from picegate.core.plan import NodeKind, NodeView, Pace
from picegate.core.ports import EdgeCall
from picegate.core.usage import LegKind
from picegate.planning import patience
from picegate.settings import FleetSettings
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Drop, Ends, Refusal, Reply
from tests.sockets.clients.raw import saying

CALL = EdgeCall(LegKind.EXPAND, "req-1", (Message("system", "Write."), Message("user", "Sleep: 7-9 h")))


def node(url: str, *, kind: NodeKind = NodeKind.STATIC, api_key: str | None = "sesame") -> NodeView:
    return NodeView("n1", "jetson", url, "small", slots=1, free=1, kind=kind, api_key=api_key)


def client(**settings: Any) -> EdgeClient:
    return EdgeClient(FleetSettings.model_validate({"connect_s": 1, **settings}))


@pytest.fixture
async def edge() -> AsyncIterator[ScriptedEdge]:
    async with ScriptedEdge() as edge:
        yield edge


async def text(edge: EdgeClient, of: NodeView, call: EdgeCall = CALL) -> str:
    async with edge.stream(of, call) as deltas:
        return "".join([delta.text async for delta in deltas])


async def test_a_passage_is_streamed(edge: ScriptedEdge) -> None:
    edge.on("expand", Reply("Sleep ", "well."))
    async with client() as asking:
        assert await text(asking, node(edge.url)) == "Sleep well."
    call = edge.calls[0]
    assert (call.leg, call.request_id, call.headers["authorization"]) == ("expand", "req-1", "Bearer sesame")
    assert int(call.headers["x-pice-deadline-ms"]) > 0


async def test_wishes_that_were_not_made_are_left_out(edge: ScriptedEdge) -> None:
    edge.on("expand", Reply("x"))
    async with client() as asking:
        await text(asking, node(edge.url, api_key=None))
    assert edge.calls[0].body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Write."}, {"role": "user", "content": "Sleep: 7-9 h"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert "authorization" not in edge.calls[0].headers


async def test_wishes_are_sent_in_the_words_of_every_server(edge: ScriptedEdge) -> None:
    edge.on("hedge", Reply("x"))
    call = EdgeCall(
        LegKind.HEDGE,
        "req-1",
        (Message("user", "Go on"), Message("assistant", "Sleep ")),
        max_tokens=80,
        stop=("\n\n",),
        sampling=Sampling(temperature=0.0, top_p=0.9, seed=0, presence_penalty=0.1, frequency_penalty=0.2),
        repeat_penalty=1.1,
        continues=True,
    )
    async with client() as asking:
        await text(asking, node(edge.url), call)
    sent = edge.calls[0].body
    wishes = {
        "max_tokens": 80,
        "stop": ["\n\n"],
        "temperature": 0.0,
        "top_p": 0.9,
        "seed": 0,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "repeat_penalty": 1.1,
        "repetition_penalty": 1.1,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    assert {name: sent.get(name) for name in wishes} == wishes


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Drop(), NodeUnavailable),
        (Refusal(400), NodeRefused),
        (Refusal(404), NodeUnavailable),
        (Refusal(422), NodeRefused),
        (Refusal(429), NodeUnavailable),
        (Refusal(500), NodeUnavailable),
        (Refusal(503), NodeUnavailable),
    ],
)
async def test_a_node_that_refuses_is_not_tried_again(
    edge: ScriptedEdge, answer: Drop | Refusal, error: type[EdgeError]
) -> None:
    edge.on("expand", answer)
    async with client() as asking:
        with pytest.raises(error, match="jetson"):
            await text(asking, node(edge.url))
    assert len(edge.calls) == 1


async def test_the_words_of_a_refusal_are_kept(edge: ScriptedEdge) -> None:
    edge.on("expand", Refusal(503, message="Loading model"))
    async with client() as asking:
        with pytest.raises(NodeUnavailable, match=r"status 503.*Loading model"):
            await text(asking, node(edge.url))


async def test_a_node_that_is_not_there_is_unavailable() -> None:
    async with ScriptedEdge() as edge:
        url = edge.url
    async with client() as asking:
        with pytest.raises(NodeUnavailable, match="cannot be reached"):
            await text(asking, node(url))


@pytest.mark.parametrize("ends", [Ends.CUT, Ends.ERROR])
async def test_a_node_that_dies_in_the_middle_is_broken(edge: ScriptedEdge, ends: Ends) -> None:
    edge.on("expand", Reply("Sleep ", ends=ends))
    heard = ""

    async def listen() -> None:
        nonlocal heard
        async with client() as asking, asking.stream(node(edge.url), CALL) as deltas:
            async for delta in deltas:
                heard += delta.text

    with pytest.raises(NodeBroken):
        await listen()
    assert heard == "Sleep "


async def test_a_killed_node_is_broken_at_once(edge: ScriptedEdge) -> None:
    edge.on("expand", Reply("Sleep ", ends=Ends.HANG))

    async def listen() -> None:
        async with client() as asking, asking.stream(node(edge.url), CALL) as deltas:
            async for delta in deltas:
                if delta.text:
                    edge.kill()

    with anyio.fail_after(2), pytest.raises(NodeBroken):
        await listen()


@pytest.mark.parametrize(
    ("limits", "reply", "phase"),
    [
        ({"first_token_s": 0.05}, Reply(before=anyio.Event()), "first token"),
        ({"first_token_s": 0.05}, Reply(status_before=anyio.Event()), "first token"),
        ({"first_token_s": 0.05}, Reply(ends=Ends.HANG), "first token"),
        ({"between_tokens_s": 0.05}, Reply("Sleep ", ends=Ends.HANG), "between tokens"),
        ({"total_s": 0.05}, Reply("Sleep ", ends=Ends.HANG), "whole answer"),
    ],
)
async def test_each_phase_has_its_limit(edge: ScriptedEdge, limits: dict[str, float], reply: Reply, phase: str) -> None:
    edge.on("expand", reply)
    async with client(**limits) as asking:
        with pytest.raises(NodeTimeout, match=f"jetson took too long: {phase}"):
            await text(asking, node(edge.url))
        await edge.until(lambda e: e.open_legs == 0)


@pytest.mark.parametrize(
    ("reply", "phase"),
    [(Reply(before=anyio.Event()), "first token"), (Reply("Sleep ", ends=Ends.HANG), "between tokens")],
)
async def test_a_quick_node_is_given_up_long_before_the_operators_limit(
    edge: ScriptedEdge, monkeypatch: pytest.MonkeyPatch, reply: Reply, phase: str
) -> None:
    monkeypatch.setattr(patience, "LEAST_S", 0.05)
    edge.on("expand", reply)
    quick = replace(node(edge.url), pace=Pace(first_s=0.001, prefill_s=1e-6, step_s=1e-4, slope_s=0.0))
    async with client(first_token_s=3600.0, between_tokens_s=3600.0) as asking:
        with anyio.fail_after(5), pytest.raises(NodeTimeout, match=f"jetson took too long: {phase}"):
            await text(asking, quick)


async def test_leaving_frees_the_slot_of_the_node(edge: ScriptedEdge) -> None:
    edge.on("expand", Reply("Sleep ", ends=Ends.HANG))
    async with client() as asking:
        async with asking.stream(node(edge.url), CALL) as deltas:
            await anext(deltas)
        await edge.until(lambda e: e.open_legs == 0)
    assert edge.calls[0].closed_by_client


async def test_a_static_node_is_warmed_by_one_token(edge: ScriptedEdge) -> None:
    async with client() as asking:
        await asking.warm(node(edge.url), CALL)
    call = edge.calls[0]
    assert (call.path, call.leg, call.body["max_tokens"], call.streamed) == ("/v1/chat/completions", "warm", 1, False)
    assert call.prompt == "Write.\nSleep: 7-9 h"
    assert "stream_options" not in call.body


@pytest.mark.parametrize(("kind", "asked"), [(NodeKind.AGENT, True), (NodeKind.STATIC, None)])
async def test_only_agents_are_asked_how_sure_they_were(edge: ScriptedEdge, kind: NodeKind, asked: bool | None) -> None:
    edge.on("expand", Reply("x", usage={"prompt_tokens": 9, "completion_tokens": 1, "mean_logprob": -0.25}))
    async with client() as asking, asking.stream(node(edge.url, kind=kind), replace(CALL, mean_logprob=True)) as deltas:
        told = [delta.mean_logprob async for delta in deltas]
    assert edge.calls[0].body.get("mean_logprob") is asked
    assert -0.25 in told


async def test_an_agent_is_warmed_by_its_own_call() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as raw, client() as asking:
        await asking.warm(node(raw.url, kind=NodeKind.AGENT), CALL)
    request = raw.requests[0]
    assert request.startswith(b"POST /node/v1/warm HTTP/1.1\r\n")
    assert b"x-pice-leg: warm\r\n" in request.lower()
    assert b"authorization: bearer sesame\r\n" in request.lower()


@pytest.mark.parametrize("kind", list(NodeKind))
async def test_a_warm_call_that_fails_says_nothing(kind: NodeKind) -> None:
    async with ScriptedEdge() as edge:
        edge.on("warm", Refusal(500), Drop(), Reply(ends=Ends.HANG))
        async with client(first_token_s=0.05) as asking:
            for _ in range(3):
                await asking.warm(node(edge.url, kind=kind), CALL)
            await asking.warm(node("http://127.0.0.1:1/v1", kind=kind), CALL)
            await asking.warm(node("nonsense", kind=kind), CALL)
        await edge.until(lambda e: e.open_legs == 0)


async def test_a_warm_call_can_be_cancelled(edge: ScriptedEdge) -> None:
    edge.on("warm", Reply(ends=Ends.HANG))
    async with client() as asking, anyio.create_task_group() as group:
        group.start_soon(asking.warm, node(edge.url), CALL)
        await edge.until(lambda e: e.open_legs == 1)
        group.cancel_scope.cancel()
    await edge.until(lambda e: e.open_legs == 0)
