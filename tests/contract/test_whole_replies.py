from pathlib import Path

import anyio.to_thread

from picegate.core.events import Planned, RawReply, ReasoningDelta, TextDelta
from tests.contract.asking import MESSAGES, body, frames, post
from tests.contract.house import CLOUD_PLAN, PROGRESSIVE_PLAN, door, finished, progressive

ANSWER = progressive(TextDelta("Sleep ", 0), TextDelta("well.", 1, "orin-1"))
CLOUD_REPLY = {
    "id": "chatcmpl-theirs",
    "object": "chat.completion",
    "created": 7,
    "model": "big-2026",
    "system_fingerprint": "fp",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": []}, "finish_reason": "x"}
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "odd": 1},
}


async def test_the_sdk_reads_a_whole_reply(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at, at.client() as client:
        raw = await client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    reply = raw.parse()
    assert reply.choices[0].message.content == "Sleep well."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "gpt-4o"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 180
    assert reply.usage.prompt_tokens_details is not None
    assert raw.headers["x-pice-mode"] == "progressive"
    assert raw.headers["x-pice-reason"].startswith("long_answer: ")


async def test_the_blocking_sdk_reads_a_whole_reply(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:

        def ask() -> str | None:
            with at.sync_client() as client:
                return client.chat.completions.create(model="pice", messages=MESSAGES).choices[0].message.content

        assert await anyio.to_thread.run_sync(ask) == "Sleep well."


async def test_refusal_and_logprobs_are_there_and_null(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        reply = (await post(at.root, body())).json()
    choice = reply["choices"][0]
    assert choice["logprobs"] is None
    assert choice["message"] == {"role": "assistant", "content": "Sleep well.", "refusal": None}
    assert reply["object"] == "chat.completion"


async def test_usage_tells_who_wrote_what_and_what_it_cost(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        usage = (await post(at.root, body())).json()["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0
    pice = usage["pice"]
    assert pice["cloud_tokens"] == {"prompt": 100, "completion": 40, "cached": 64, "reasoning": 5}
    assert pice["edge_tokens"] == {"prompt": 150, "completion": 130, "cached": 0, "reasoning": 0}
    assert pice["timings"] == {"first_token_s": 0.25, "total_s": 1.75}
    assert [(leg["leg"], leg["node"], leg["point"], leg["end"]) for leg in pice["legs"]] == [
        ("sketch", "cloud", None, "done"),
        ("expand", "orin-1", 1, "done"),
        ("expand", "orin-2", 0, "failed"),
        ("hedge", "orin-3", 0, "done"),
    ]
    assert pice["legs"][2]["error"] == "edge_timeout"


async def test_thinking_goes_by_both_of_its_names(tmp_path: Path) -> None:
    async with door(tmp_path, *progressive(ReasoningDelta("h"), ReasoningDelta("m"), TextDelta("Yes.", 0))) as at:
        message = (await post(at.root, body())).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["reasoning"], message["content"]) == ("hm", "hm", "Yes.")


async def test_the_clouds_reply_goes_through_with_only_our_usage_added(tmp_path: Path) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), RawReply(CLOUD_REPLY), finished()) as at:
        reply = (await post(at.root, body())).json()
    assert reply["usage"].pop("pice")["mode"] == "cloud"
    assert reply == CLOUD_REPLY


async def test_a_cloud_reply_without_usage_gets_ours(tmp_path: Path) -> None:
    bare = {name: value for name, value in CLOUD_REPLY.items() if name != "usage"}
    async with door(tmp_path, Planned(CLOUD_PLAN), RawReply(bare), finished()) as at:
        reply = (await post(at.root, body())).json()
    assert reply["usage"]["total_tokens"] == 180


async def test_explain_shows_the_plan_and_runs_nothing(tmp_path: Path) -> None:
    async with door(tmp_path) as at, at.client() as client:
        reply = await client.chat.completions.create(
            model="pice", messages=MESSAGES, extra_body={"pice": {"explain": True}}
        )
        asked = len(at.script.asked)
    assert asked == 0
    assert "progressive mode at level 2" in (reply.choices[0].message.content or "")
    assert (reply.model_extra or {})["pice"]["plan"] == {
        "mode": "progressive",
        "level": 2,
        "max_points": 4,
        "forced": False,
        "reason": {"code": PROGRESSIVE_PLAN.why.code, "text": PROGRESSIVE_PLAN.why.text},
        "service_level": "latency",
        "forecast": {
            "prompt_tokens": 12,
            "answer_tokens": 300,
            "mean_tokens": 300,
            "p10_tokens": 300,
            "p90_tokens": 300,
            "delegable": 1.0,
            "chained": 0.0,
            "hard": 0.0,
            "because": {},
        },
        "predicted": None,
        "options": [],
        "notes": ["a note"],
        "numbers": {"slots_free": 3},
    }


async def test_explain_streams_where_a_stream_was_asked_for(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        reply = await post(at.root, body(stream=True, pice={"explain": True}))
    first, last, done = frames(reply.content)
    assert reply.headers["content-type"] == "text/event-stream"
    assert first["pice"]["plan"]["mode"] == "progressive"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


async def test_both_paths_with_and_without_the_version_answer(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        assert (await post(at.root, body(), "/chat/completions")).status_code == 200


async def test_the_request_reaches_the_pipeline_as_an_ask(tmp_path: Path) -> None:
    async with door(tmp_path, *ANSWER) as at:
        await post(at.root, body(max_tokens=9, pice={"level": 3}, odd={"kept": 1}), x_request_id="mine-1")
        (ask,) = at.script.asked
    assert (ask.request_id, ask.model, ask.max_tokens, ask.options.level) == ("mine-1", "pice", 9, 3)
    assert ask.payload == body(max_tokens=9, odd={"kept": 1})
