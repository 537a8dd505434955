import json
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from picegate.core.events import Planned, RawChunk, ReasoningDelta, SegmentDone, SketchPoint, TextDelta
from picegate.core.sketch import Point
from tests.contract.asking import MESSAGES, body, frames, post
from tests.contract.house import CLOUD_PLAN, PROGRESSIVE_PLAN, door, finished, progressive

ANSWER = progressive(
    TextDelta("Sleep ", 0),
    SketchPoint(Point(0, "sleep", 60)),
    TextDelta("well", 0),
    SegmentDone(0, None, "cloud"),
    TextDelta(", よく眠る。", 1, "orin-1"),
)


def raw(**fields: Any) -> RawChunk:
    return RawChunk(json.dumps({"id": "c-1", "created": 7, "model": "big", "choices": [], **fields}).encode())


def raw_delta(text: str, **fields: Any) -> RawChunk:
    return raw(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}], **fields)


CLOUD_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "prompt_tokens_details": {"x": 1}}


async def test_the_sdk_reads_a_stream(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at, at.client() as client:
        stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Sleep well, よく眠る。"
    assert [c.choices[0].delta.role for c in chunks] == ["assistant", None, None, None, None]
    assert [c.choices[0].finish_reason for c in chunks] == [None, None, None, None, "stop"]
    assert {(c.id, c.created, c.model, c.object) for c in chunks} == {
        (chunks[0].id, chunks[0].created, "gpt-4o", "chat.completion.chunk")
    }
    assert chunks[-1].choices[0].delta.content is None
    assert chunks[0].id.startswith("chatcmpl-")


async def test_the_blocking_sdk_reads_a_stream(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:

        def ask() -> str:
            with at.sync_client() as client:
                stream = client.chat.completions.create(model="pice", messages=MESSAGES, stream=True)
                return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

        assert await anyio.to_thread.run_sync(ask) == "Sleep well, よく眠る。"


async def test_frames_are_data_lines_and_the_last_is_done(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        reply = await post(at.root, body(stream=True))
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.headers["x-pice-mode"] == "progressive"
    assert reply.headers["x-pice-reason"] == "long_answer: about 300 tokens ? expected"
    assert reply.content.endswith(b"\n\ndata: [DONE]\n\n")
    events = reply.content.removesuffix(b"\n\n").split(b"\n\n")
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    parsed = frames(reply.content)[:-1]
    assert all("finish_reason" in choice for each in parsed for choice in each["choices"])
    assert parsed[-1]["choices"][0]["delta"] == {}
    assert not any("usage" in each for each in parsed)


async def test_usage_comes_as_one_more_chunk_for_those_who_ask(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at, at.client() as client:
        reply = await post(at.root, body(stream=True, stream_options={"include_usage": True}))
        stream = await client.chat.completions.create(
            model="pice", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        last = [chunk async for chunk in stream][-1]
    *before, usage, done = frames(reply.content)
    assert done == "[DONE]"
    assert all(each["usage"] is None for each in before)
    assert usage["choices"] == []
    assert {key: before[0][key] for key in ("id", "created", "model")} == {
        key: usage[key] for key in ("id", "created", "model")
    }
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (20, 160, 180)
    pice = usage["usage"]["pice"]
    assert pice["mode"] == "progressive"
    assert pice["nodes"] == ["orin-3", "orin-1"]
    assert pice["cost"]["cloud"] == pytest.approx((100 * 2 + 40 * 8) / 1e6)
    assert pice["cost"]["saved_estimate"] == pytest.approx(pice["cost"]["cloud_only_estimate"] - pice["cost"]["total"])


async def test_an_empty_options_object_asks_for_no_usage(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        reply = await post(at.root, body(stream=True, stream_options={}))
    assert not any("usage" in each for each in frames(reply.content)[:-1])


async def test_reasoning_goes_by_both_of_its_names(tmp_path: Path) -> None:
    async with door(tmp_path, *progressive(ReasoningDelta("hm"), TextDelta("Yes.", 0))) as at:
        reply = await post(at.root, body(stream=True))
    deltas = [each["choices"][0]["delta"] for each in frames(reply.content)[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert deltas[1] == {"reasoning_content": "hm", "reasoning": "hm"}
    assert deltas[2] == {"content": "Yes."}


async def test_an_empty_answer_is_still_a_whole_stream(tmp_path: Path) -> None:
    async with door(tmp_path, *progressive()) as at:
        reply = await post(at.root, body(stream=True))
    first, last, done = frames(reply.content)
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


async def test_half_a_surrogate_pair_does_not_break_the_stream(tmp_path: Path) -> None:
    async with door(tmp_path, *progressive(TextDelta("a\ud83d", 0), TextDelta("b", 0))) as at:
        reply = await post(at.root, body(stream=True))
    assert [each["choices"][0]["delta"].get("content") for each in frames(reply.content)[1:3]] == ["a?", "b"]


async def test_cloud_chunks_go_through_as_they_came(tmp_path: Path) -> None:
    odd = RawChunk(b'{"id": "c-1",  "odd":1.0e0,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1}]}}]}')
    text = raw_delta('they said "usage": {} is', usage=None)
    async with door(tmp_path, Planned(CLOUD_PLAN), odd, text, raw(usage=CLOUD_USAGE), finished()) as at:
        reply = await post(at.root, body(stream=True))
    assert reply.content == b"data: " + odd.data + b"\n\ndata: " + text.data + b"\n\ndata: [DONE]\n\n"
    assert reply.headers["x-pice-mode"] == "cloud"


async def test_the_clouds_usage_chunk_gains_ours_for_those_who_asked(tmp_path: Path) -> None:
    async with door(
        tmp_path, Planned(CLOUD_PLAN), raw_delta("Hi", usage=None), raw(usage=CLOUD_USAGE), finished()
    ) as at:
        reply = await post(at.root, body(stream=True, stream_options={"include_usage": True}))
    text, usage, done = frames(reply.content)
    assert text["choices"][0]["delta"]["content"] == "Hi"
    assert usage["usage"].pop("pice")["mode"] == "cloud"
    assert usage == {"id": "c-1", "created": 7, "model": "big", "choices": [], "usage": CLOUD_USAGE}
    assert done == "[DONE]"


async def test_a_cloud_that_names_no_usage_has_it_named_by_us(tmp_path: Path) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), raw_delta("Hi"), finished()) as at:
        reply = await post(at.root, body(stream=True, stream_options={"include_usage": True}))
    _, usage, _ = frames(reply.content)
    assert (usage["id"], usage["created"], usage["model"]) == ("c-1", 7, "big")
    assert usage["usage"]["total_tokens"] == 180


@pytest.mark.parametrize("wanted", [True, False])
async def test_usage_on_a_chunk_with_text_is_moved_out_of_it(tmp_path: Path, wanted: bool) -> None:
    steps = (
        Planned(CLOUD_PLAN),
        raw_delta("Hi", usage={"total_tokens": 1}),
        raw_delta("!", usage=CLOUD_USAGE),
        finished(),
    )
    async with door(tmp_path, *steps) as at:
        reply = await post(at.root, body(stream=True, stream_options={"include_usage": wanted}))
    *texts, done = frames(reply.content)
    if wanted:
        *texts, usage = texts
        assert usage["choices"] == []
        assert usage["usage"]["total_tokens"] == 11
    assert [each["choices"][0]["delta"]["content"] for each in texts] == ["Hi", "!"]
    assert [each.get("usage", "none") for each in texts] == [None if wanted else "none"] * 2
    assert done == "[DONE]"


async def test_a_chunk_printed_over_several_lines_stays_one_frame(tmp_path: Path) -> None:
    pretty = RawChunk(b'{\n "id": "c-1",\n "choices": []\n}')
    async with door(tmp_path, Planned(CLOUD_PLAN), pretty, finished()) as at:
        reply = await post(at.root, body(stream=True))
    assert frames(reply.content) == [{"id": "c-1", "choices": []}, "[DONE]"]


async def test_a_second_plan_before_any_output_is_the_one_that_is_shown(tmp_path: Path) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), Planned(PROGRESSIVE_PLAN), TextDelta("x", 0), finished()) as at:
        reply = await post(at.root, body(stream=True))
    assert reply.headers["x-pice-mode"] == "progressive"
