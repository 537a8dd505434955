"""The cloud client against scripted clouds on real sockets."""

import anyio
import pytest

from picegate.clients.legs import proxy_for
from picegate.core.errors import (
    CloudBroken,
    CloudMisconfigured,
    CloudRefused,
    CloudUnavailable,
    Overloaded,
    PiceError,
    RateLimited,
)
from picegate.core.ports import CloudCall
from picegate.core.usage import LegKind
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.script import Answer, Drop, Ends, Piece, Refusal, Reply
from tests.sockets.clients.asking import CALL, DONE, FINISH, TOKEN, client, read, relayed, script
from tests.sockets.clients.raw import CHUNKED, OPEN_ENDED, in_chunk, saying


async def test_a_stream_is_parsed(cloud: ScriptedCloud) -> None:
    script(cloud, Reply(Piece(reasoning="hm"), "Hello ", "world."))
    async with client(cloud.url) as asking:
        deltas = await read(asking)
    assert "".join(delta.text for delta in deltas) == "Hello world."
    assert "".join(delta.reasoning for delta in deltas) == "hm"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    tokens = [delta.tokens for delta in deltas if delta.tokens]
    assert len(tokens) == 1
    assert tokens[0].completion > 0


async def test_a_relayed_stream_comes_as_it_was_sent() -> None:
    odd = b'{"choices": [ {"delta":{"content":"\\u3053"}, "finish_reason" : "stop"} ], "unknown": [1,  2]}'
    async with (
        saying(OPEN_ENDED, b": ping\n\n" + TOKEN, b"data: " + odd + b"\n\n", DONE) as raw,
        client(raw.url) as asking,
    ):
        assert await relayed(asking) == [TOKEN[6:-2], odd]


async def test_a_whole_reply_comes_as_one_body(cloud: ScriptedCloud) -> None:
    script(cloud, Reply("Hello."))
    async with client(cloud.url) as asking:
        call = CloudCall(LegKind.CLOUD, "req-1", {**CALL.payload, "stream_options": {"include_usage": True}})
        body = await asking.complete(call)
    assert body["choices"][0]["message"]["content"] == "Hello."
    assert cloud.calls[0].body["stream"] is False
    assert "stream_options" not in cloud.calls[0].body


async def test_the_body_goes_on_as_it_came_with_our_model_and_our_headers(cloud: ScriptedCloud) -> None:
    script(cloud, Reply("x"))
    payload = {
        **CALL.payload,
        "pice": {"mode": "cloud"},
        "metadata": {"a": "é"},
        "stream_options": {"x": 1},
        "stream": False,
    }
    async with client(cloud.url) as asking:
        await relayed(asking, CloudCall(LegKind.CLOUD, "req-7", payload))
        await read(asking, CloudCall(LegKind.SKETCH, "req-8", payload, level=2))
    first, second = cloud.calls
    assert first.body == {
        "model": "big",
        "messages": CALL.payload["messages"],
        "metadata": {"a": "é"},
        "stream": True,
        "stream_options": {"x": 1, "include_usage": True},
    }
    assert (first.leg, first.level, first.request_id) == ("cloud", "", "req-7")
    assert (second.leg, second.level, second.request_id) == ("sketch", "2", "req-8")
    assert first.headers["authorization"] == "Bearer sk-secret"


async def test_without_a_key_there_is_no_authorization(cloud: ScriptedCloud) -> None:
    script(cloud, Reply("x"))
    async with client(cloud.url, api_key="") as asking:
        await relayed(asking)
    assert "authorization" not in cloud.calls[0].headers


@pytest.mark.parametrize("failure", [Drop(), Refusal(500), Refusal(502), Refusal(503), Refusal(504), Refusal(429)])
async def test_what_fails_before_the_first_byte_is_tried_again(cloud: ScriptedCloud, failure: Answer) -> None:
    script(cloud, failure, failure, Reply("at last"))
    async with client(cloud.url, retries=2) as asking:
        assert "".join(delta.text for delta in await read(asking)) == "at last"
    assert len(cloud.calls) == 3


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Drop(), CloudUnavailable),
        (Refusal(503), CloudUnavailable),
        (Refusal(429, headers={"retry-after-ms": "2"}), RateLimited),
    ],
)
async def test_retries_are_counted(cloud: ScriptedCloud, failure: Answer, error: type[PiceError]) -> None:
    script(cloud, failure)
    async with client(cloud.url, retries=2) as asking:
        with pytest.raises(error):
            await read(asking)
    assert len(cloud.calls) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 501])
async def test_what_would_fail_again_is_not_tried_again(cloud: ScriptedCloud, status: int) -> None:
    script(cloud, Refusal(status))
    async with client(cloud.url, retries=5) as asking:
        with pytest.raises(PiceError):
            await asking.complete(CALL)
    assert len(cloud.calls) == 1


async def test_a_long_retry_after_is_told_instead_of_waited_for(cloud: ScriptedCloud) -> None:
    script(cloud, Refusal(429, headers={"retry-after": "40"}))
    async with client(cloud.url, retries=5) as asking:
        with anyio.fail_after(2), pytest.raises(RateLimited) as caught:
            await read(asking)
    assert caught.value.retry_after_s == 40
    assert len(cloud.calls) == 1


async def test_nothing_is_tried_again_after_the_first_byte(cloud: ScriptedCloud) -> None:
    script(cloud, Reply(ends=Ends.CUT), Reply("never"))
    async with client(cloud.url, retries=5) as asking:
        with pytest.raises(CloudBroken):
            await read(asking)
    assert len(cloud.calls) == 1


async def test_the_clouds_own_refusal_is_kept(cloud: ScriptedCloud) -> None:
    told = {"error": {"message": "too long", "type": "t", "param": "messages", "code": "context_length_exceeded"}}
    script(cloud, Refusal(400, body=told))
    async with client(cloud.url) as asking:
        with pytest.raises(CloudRefused) as caught:
            await relayed(asking)
    assert (caught.value.status, caught.value.body) == (400, told)


async def test_a_wrong_key_is_the_operators_to_mend_and_is_not_shown() -> None:
    async with ScriptedCloud(api_key="other") as cloud, client(cloud.url) as asking:
        with pytest.raises(CloudMisconfigured) as caught:
            await read(asking)
    assert "sk-secret" not in str(caught.value)


async def test_a_cloud_that_is_not_there_is_unavailable() -> None:
    async with ScriptedCloud() as cloud:
        url = cloud.url
    async with client(url, retries=1) as asking:
        with pytest.raises(CloudUnavailable, match="cannot be reached"):
            await read(asking)
        with pytest.raises(CloudUnavailable):
            await asking.complete(CALL)


async def test_the_cloud_counts_as_down_after_calls_that_did_not_reach_it(cloud: ScriptedCloud) -> None:
    script(cloud, Refusal(503), Refusal(503), Refusal(503), Reply("back"))
    async with client(cloud.url) as asking:
        for _ in range(3):
            assert asking.view().up
            with pytest.raises(CloudUnavailable):
                await read(asking)
        assert not asking.view().up
        await read(asking)
        assert asking.view().up


@pytest.mark.parametrize("ends", [Ends.CUT, Ends.ERROR])
async def test_a_stream_that_breaks_off_is_broken(cloud: ScriptedCloud, ends: Ends) -> None:
    script(cloud, Reply("Hello ", ends=ends, error={"message": "GPU on fire"}))
    async with client(cloud.url) as asking:
        for kind in (read, relayed):
            with pytest.raises(CloudBroken) as caught:
                await kind(asking)
            assert ("GPU on fire" in str(caught.value)) == (ends is Ends.ERROR)


@pytest.mark.parametrize(
    "parts",
    [
        (OPEN_ENDED, TOKEN),
        (OPEN_ENDED, TOKEN, TOKEN[:20]),
        (CHUNKED, in_chunk(TOKEN), b"0\r\n\r\n"),
        (CHUNKED, in_chunk(TOKEN), b"ff\r\n"),
        (OPEN_ENDED,),
        (OPEN_ENDED, TOKEN, b"data: not json\n\n", FINISH),
    ],
)
async def test_a_stream_without_a_finish_reason_or_with_nonsense_is_broken(parts: tuple[bytes, ...]) -> None:
    async with saying(*parts) as raw, client(raw.url) as asking:
        with pytest.raises(CloudBroken):
            await read(asking)


@pytest.mark.parametrize(
    "parts",
    [
        (OPEN_ENDED, TOKEN, FINISH),
        (OPEN_ENDED, TOKEN, FINISH[:-2]),
        (OPEN_ENDED, TOKEN, DONE),
        (OPEN_ENDED, TOKEN, FINISH, DONE[:-2]),
        (CHUNKED, in_chunk(TOKEN), in_chunk(FINISH), b"ff\r\n"),
        (OPEN_ENDED, (TOKEN + FINISH + DONE).replace(b"\n", b"\r\n")),
    ],
)
async def test_a_stream_that_says_its_end_in_any_way_is_whole(parts: tuple[bytes, ...]) -> None:
    async with saying(*parts) as raw, client(raw.url) as asking:
        assert "".join(delta.text for delta in await read(asking)) == "Hi"


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"error": {"message": "no"}}'])
async def test_a_whole_reply_that_is_nonsense_is_broken(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with saying(head + body) as raw, client(raw.url) as asking:
        with pytest.raises(CloudBroken):
            await asking.complete(CALL)


async def test_a_whole_reply_that_is_cut_is_broken() -> None:
    async with saying(b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id": 1') as raw, client(raw.url) as asking:
        with pytest.raises(CloudBroken):
            await asking.complete(CALL)


async def test_a_connection_whose_reply_was_read_whole_is_used_again() -> None:
    async with ScriptedCloud() as cloud, client(cloud.url) as asking:
        script(cloud, Reply("x"))
        for _ in range(3):
            await relayed(asking)
            await read(asking)
        assert len({call.client for call in cloud.calls}) == 1


async def test_what_came_before_a_stream_broke_off_is_read_first() -> None:
    parts = (CHUNKED, in_chunk(TOKEN), in_chunk(TOKEN), b"ff\r\n")
    async with saying(*parts) as raw, client(raw.url) as asking, asking.stream(CALL) as deltas:
        texts = [(await anext(deltas)).text]
        await anyio.sleep(0.05)  # the break is known by now
        texts.append((await anext(deltas)).text)
        with pytest.raises(CloudBroken, match="broke off"):
            await anext(deltas)
    assert texts == ["Hi", "Hi"]


async def test_the_cloud_is_reached_through_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with saying(OPEN_ENDED, TOKEN, FINISH) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "near.example")
        async with client("http://far.example/v1") as asking:
            assert "".join(delta.text for delta in await read(asking)) == "Hi"
        assert proxy.requests[0].startswith(b"POST http://far.example/v1/chat/completions ")
        assert proxy_for("http://near.example/v1") is None


async def test_past_limit_and_queue_a_call_is_overloaded(cloud: ScriptedCloud) -> None:
    script(cloud, Reply("Hi", ends=Ends.HANG))
    async with client(cloud.url, max_in_flight=1, max_queued=1) as asking, anyio.create_task_group() as group:
        group.start_soon(read, asking)
        group.start_soon(read, asking)
        await cloud.until(lambda c: c.open_legs == 1)
        view = asking.view()
        assert (view.in_flight, view.queued, view.limit, view.model) == (1, 1, 1, "big")
        with pytest.raises(Overloaded):
            await read(asking)
        group.cancel_scope.cancel()


async def test_text_that_is_no_valid_unicode_can_still_be_sent(cloud: ScriptedCloud) -> None:
    script(cloud, Reply("x"))
    messages = [{"role": "user", "content": "half an emoji: \ud83d"}]
    async with client(cloud.url) as asking:
        await relayed(asking, CloudCall(LegKind.CLOUD, "req-1", {"messages": messages}))
    assert cloud.calls[0].body["messages"] == messages
