"""The shipped fakes, driven through real sockets: what other tests stand on must itself stand."""

import json
import socket
from collections.abc import AsyncIterator

import anyio
import httpx2
import pytest
from openai import APIError, AsyncOpenAI, RateLimitError

from picegate.testbed.cloud import CLOSING, PLAIN, SKETCH, ScriptedCloud
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Drop, Ends, Piece, Refusal, Reply, in_words
from picegate.testbed.server import serving


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=5.0) as client:
        yield client


def body(stream: bool = True, text: str = "Why?") -> dict[str, object]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}


async def lines(response: httpx2.Response) -> list[str]:
    return [line async for line in response.aiter_lines() if line]


def text_of(frames: list[str]) -> str:
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames if not frame.endswith("[DONE]")]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c.get("choices"))


async def test_a_fake_cloud_sketches_on_sketch_legs_and_answers_plainly_otherwise(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud() as cloud:
        for leg, expected in (("sketch", SKETCH), ("cloud", PLAIN)):
            async with http.stream(
                "POST", f"{cloud.url}/chat/completions", json=body(), headers={"x-pice-leg": leg}
            ) as r:
                frames = await lines(r)
            assert frames[-1] == "data: [DONE]"
            assert text_of(frames) == expected
        assert [call.leg for call in cloud.calls] == ["sketch", "cloud"]
        assert cloud.open_legs == 0
        assert not any(call.closed_by_client for call in cloud.calls)


async def test_a_fake_edge_repeats_its_notes_and_signs_them(http: httpx2.AsyncClient) -> None:
    async with ScriptedEdge("jetson-7") as edge:
        reply = await http.post(f"{edge.url}/chat/completions", json=body(stream=False, text="Expand:\nwalking helps"))
        assert reply.json()["choices"][0]["message"]["content"] == "walking helps, says [jetson-7]."
        assert (await http.get(f"{edge.url}/models")).json()["data"][0]["id"] == "edge-model"
        assert (await http.get(f"{edge.root}/node/v1/status")).json()["name"] == "jetson-7"
        await http.post(f"{edge.root}/node/v1/warm", json={"messages": [{"role": "user", "content": "x"}]})
        assert len(edge.warmed) == 1
        assert len(edge.calls) == 1


async def test_a_gate_holds_a_piece_back_until_it_is_opened(http: httpx2.AsyncClient) -> None:
    gate = anyio.Event()
    async with ScriptedCloud(lambda call: Reply("one ", Piece("two", after=gate))) as cloud:
        async with http.stream("POST", f"{cloud.url}/chat/completions", json=body()) as response:
            frames = response.aiter_lines()
            await cloud.until(lambda c: c.calls[0].sent == 1)
            assert cloud.open_legs == 1
            gate.set()
            got = [line async for line in frames if line]
        assert text_of(got) == "one two"


async def test_a_client_that_goes_away_is_noticed(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud(lambda call: Reply("one", ends=Ends.HANG)) as cloud:
        async with http.stream("POST", f"{cloud.url}/chat/completions", json=body()):
            await cloud.until(lambda c: len(c.calls) == 1)
        await cloud.until(lambda c: c.open_legs == 0)
        assert cloud.calls[0].closed_by_client


async def test_a_client_that_goes_away_before_the_status_is_noticed(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud(lambda call: Reply("one", before=anyio.Event())) as cloud:
        with anyio.move_on_after(5.0) as scope:
            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    await http.post(f"{cloud.url}/chat/completions", json=body(stream=False))

                group.start_soon(ask)
                await cloud.until(lambda c: c.open_legs == 1)
                group.cancel_scope.cancel()
        assert not scope.cancelled_caught
        await cloud.until(lambda c: c.open_legs == 0)
        assert cloud.calls[0].closed_by_client


async def test_a_cut_stream_ends_without_a_finish(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud(lambda call: Reply("one", ends=Ends.CUT)) as cloud:
        with pytest.raises(httpx2.RemoteProtocolError):
            async with http.stream("POST", f"{cloud.url}/chat/completions", json=body()) as response:
                await lines(response)
        await cloud.until(lambda c: c.open_legs == 0)
        assert not cloud.calls[0].closed_by_client


async def test_a_dropped_call_gets_no_answer_and_the_fake_lives_on(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud().on("cloud", Drop(), Reply("back")) as cloud:
        headers = {"x-pice-leg": "cloud"}
        with pytest.raises(httpx2.TransportError):
            await http.post(f"{cloud.url}/chat/completions", json=body(stream=False), headers=headers)
        reply = await http.post(f"{cloud.url}/chat/completions", json=body(stream=False), headers=headers)
        assert reply.json()["choices"][0]["message"]["content"] == "back"


async def test_a_killed_edge_cuts_its_streams_and_refuses_connections(http: httpx2.AsyncClient) -> None:
    async with ScriptedEdge(script=lambda call: Reply("one", ends=Ends.HANG)) as edge:
        async with http.stream("POST", f"{edge.url}/chat/completions", json=body()) as response:
            edge.kill()
            with pytest.raises(httpx2.TransportError):
                await lines(response)
        await edge.until(lambda e: e.open_legs == 0)
        assert not edge.calls[0].closed_by_client
        with pytest.raises(httpx2.ConnectError):
            await http.get(f"{edge.url}/models")


async def test_refusals_carry_status_body_and_headers() -> None:
    script = Refusal(429, headers={"retry-after": "7"}, message="slow down", code="rate_limit_exceeded")
    async with (
        ScriptedCloud(lambda call: script) as cloud,
        AsyncOpenAI(base_url=cloud.url, api_key="k", max_retries=0) as sdk,
    ):
        with pytest.raises(RateLimitError) as caught:
            await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert caught.value.code == "rate_limit_exceeded"
        assert caught.value.response.headers["retry-after"] == "7"


async def test_an_error_frame_raises_in_the_sdk() -> None:
    script = Reply("one", ends=Ends.ERROR, error={"message": "boom", "type": "t", "param": None, "code": "c"})
    async with (
        ScriptedCloud(lambda call: script) as cloud,
        AsyncOpenAI(base_url=cloud.url, api_key="k", max_retries=0) as sdk,
    ):
        stream = await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
        with pytest.raises(APIError, match="boom"):
            async for _ in stream:
                pass


async def test_usage_comes_only_when_asked_for_and_only_where_the_upstream_has_it() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    cloud = ScriptedCloud().on("", Reply("a", usage=usage), Reply("a", usage=usage), Reply("a", usage=None))
    async with cloud, AsyncOpenAI(base_url=cloud.url, api_key="k", max_retries=0) as sdk:
        seen = []
        for options in ({"include_usage": True}, {"include_usage": False}, {"include_usage": True}):
            stream = await sdk.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True, stream_options=options
            )
            seen.append([chunk.usage async for chunk in stream if chunk.usage])
        assert [len(usages) for usages in seen] == [1, 0, 0]
        assert seen[0][0].prompt_tokens_details.cached_tokens == 5


async def test_tool_calls_reasoning_and_unknown_fields_go_out_as_scripted() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    reply = Reply(
        Piece(reasoning="hm"),
        Piece(delta={"tool_calls": [call]}, extra={"x_cloud": 1}),
        Piece(delta={"tool_calls": [rest]}),
        finish_reason="tool_calls",
    )
    async with (
        ScriptedCloud(lambda _: reply) as cloud,
        AsyncOpenAI(base_url=cloud.url, api_key="k", max_retries=0) as sdk,
    ):
        whole = await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        tools = whole.choices[0].message.tool_calls or []
        assert tools[0].to_dict()["function"] == {"name": "look", "arguments": '{"a":1}'}
        assert (whole.model_extra or {})["x_cloud"] == 1
        stream = await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
        chunks = [chunk.to_dict() async for chunk in stream]
        assert chunks[1]["choices"][0]["delta"] == {"reasoning_content": "hm"}
        assert chunks[2]["x_cloud"] == 1
        assert chunks[3]["choices"][0]["delta"]["tool_calls"][0]["index"] == 0


async def test_a_wrong_key_is_refused(http: httpx2.AsyncClient) -> None:
    async with ScriptedCloud(api_key="right") as cloud:
        reply = await http.post(f"{cloud.url}/chat/completions", json=body(), headers={"authorization": "Bearer wrong"})
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"


async def test_serving_ends_promptly_with_a_stream_still_open(http: httpx2.AsyncClient) -> None:
    cloud = ScriptedCloud(lambda call: Reply("one", ends=Ends.HANG))
    with anyio.fail_after(1.0):
        async with anyio.create_task_group() as group, serving(cloud) as root:

            async def read() -> None:
                async with http.stream("POST", f"{root}/v1/chat/completions", json=body()) as response:
                    with pytest.raises(httpx2.TransportError):
                        await lines(response)

            group.start_soon(read)
            await cloud.until(lambda c: any(call.sent for call in c.calls))


@pytest.mark.parametrize("text", [SKETCH, CLOSING, "", " ", "a  b\n\nc "])
def test_cutting_a_text_in_words_loses_nothing(text: str) -> None:
    assert "".join(in_words(text)) == text


async def test_small_chunks_are_not_held_back_by_nagle(http: httpx2.AsyncClient) -> None:
    cloud = ScriptedCloud(lambda call: Reply("one", ends=Ends.HANG))
    async with cloud, http.stream("POST", f"{cloud.url}/chat/completions", json=body()):
        await cloud.until(lambda c: bool(c.calls))
        connection = cloud._server._connections()[0].transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
