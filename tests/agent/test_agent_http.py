"""The agent as OpenAI's own clients see it, over real sockets."""

import json
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, OpenAI

from edge_agent.engine.fake import FakeEngine
from tests.agent.conftest import Serve

QUESTION: Any = [{"role": "user", "content": "How do I sleep better?"}]


def sdk(url: str, **options: Any) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, **options)


def frames(url: str, **body: Any) -> list[str]:
    wanted = {"model": "fake", "messages": QUESTION, "stream": True, "max_tokens": 4, **body}
    reply = httpx2.post(f"{url}/v1/chat/completions", json=wanted)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-accel-buffering"] == "no"
    events = reply.text.split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("data: ") for event in events)
    return [event.removeprefix("data: ") for event in events]


def test_the_official_client_gets_a_whole_answer(serve: Serve) -> None:
    with sdk(serve(FakeEngine())) as client:
        reply = client.chat.completions.create(model="fake", messages=QUESTION, max_tokens=5, seed=1)
    assert reply.object == "chat.completion"
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 5
    assert reply.usage.prompt_tokens_details is not None


def test_streamed_and_whole_answers_are_the_same_text(serve: Serve) -> None:
    with sdk(serve(FakeEngine())) as client:
        whole = client.chat.completions.create(model="fake", messages=QUESTION, seed=1)
        stream = client.chat.completions.create(model="fake", messages=QUESTION, seed=1, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content


async def test_the_official_async_client_streams_usage_last(serve: Serve) -> None:
    async with AsyncOpenAI(base_url=f"{serve(FakeEngine())}/v1", api_key="any", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="fake", messages=QUESTION, max_tokens=3, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_chunks_look_exactly_as_openais(serve: Serve) -> None:
    *data, done = frames(serve(FakeEngine()))
    assert done == "[DONE]"
    chunks = [json.loads(d) for d in data]
    assert {(c["id"], c["created"], c["model"], c["object"]) for c in chunks} == {
        (chunks[0]["id"], chunks[0]["created"], "fake", "chat.completion.chunk")
    }
    choices = [c["choices"][0] for c in chunks]
    assert choices[0]["delta"]["role"] == "assistant"
    assert not any("role" in choice["delta"] for choice in choices[1:])
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["length"]
    assert choices[-1]["delta"] == {}
    assert not any("usage" in c for c in chunks)


def test_with_usage_asked_for_every_other_chunk_has_null(serve: Serve) -> None:
    *data, _ = frames(serve(FakeEngine()), stream_options={"include_usage": True})
    chunks = [json.loads(d) for d in data]
    assert all(c["usage"] is None for c in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == chunks[-1]["usage"]["prompt_tokens"] + 4


def test_logprobs_come_with_every_token(serve: Serve) -> None:
    with sdk(serve(FakeEngine())) as client:
        reply = client.chat.completions.create(
            model="fake", messages=QUESTION, max_tokens=3, logprobs=True, top_logprobs=1
        )
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(entry.token for entry in logprobs.content) == reply.choices[0].message.content
    assert len(logprobs.content[0].top_logprobs) == 1


def test_unused_fields_of_a_whole_reply_are_null_not_missing(serve: Serve) -> None:
    reply = httpx2.post(
        f"{serve(FakeEngine())}/v1/chat/completions", json={"model": "fake", "messages": QUESTION}
    ).json()
    assert reply["choices"][0]["logprobs"] is None
    assert reply["choices"][0]["message"]["refusal"] is None


@pytest.mark.parametrize("field", [{"continue_final_message": True}, {}])
def test_an_unfinished_assistant_message_is_continued(serve: Serve, field: dict[str, Any]) -> None:
    with sdk(serve(FakeEngine())) as client:
        create = client.chat.completions.create
        whole = create(model="fake", messages=QUESTION, seed=3).choices[0].message.content or ""
        begun: Any = [*QUESTION, {"role": "assistant", "content": whole[:17]}]
        rest = create(model="fake", messages=begun, seed=3, extra_body=field).choices[0].message.content
    assert rest == whole[17:]


def test_stop_strings_end_the_answer_unseen(serve: Serve) -> None:
    with sdk(serve(FakeEngine())) as client:
        create = client.chat.completions.create
        whole = create(model="fake", messages=QUESTION, seed=2).choices[0].message.content or ""
        cut = create(model="fake", messages=QUESTION, seed=2, stop=[whole[20:24], "never"]).choices[0]
    assert cut.message.content == whole[: whole.index(whole[20:24])]
    assert cut.finish_reason == "stop"


def test_unknown_fields_and_the_newer_names_are_accepted(serve: Serve) -> None:
    engine = FakeEngine()
    body = {
        "model": "fake",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]}
        ],
        "max_tokens": 50,
        "max_completion_tokens": 2,
        "stop": None,
        "tools": [],
        "response_format": {"type": "text"},
        "metadata": {"a": "b"},
        "some_future_field": {"x": 1},
    }
    reply = httpx2.post(f"{serve(engine)}/v1/chat/completions", json=body)
    assert reply.json()["usage"]["completion_tokens"] == 2
    assert engine.jobs[0].messages == ({"role": "system", "content": "Be brief."},)


def test_sampling_wishes_reach_the_engine(serve: Serve) -> None:
    engine = FakeEngine()
    wishes = {
        "temperature": 0.1, "top_p": 0.2, "top_k": 3, "min_p": 0.4, "presence_penalty": 0.5, "frequency_penalty": 0.6,
        "repeat_penalty": 1.1, "seed": 8, "grammar": 'root ::= "a"', "ignore_eos": False,
    }  # fmt: skip
    body = {"model": "fake", "messages": QUESTION, "max_tokens": 1, "logit_bias": {"5": -1}, **wishes}
    httpx2.post(f"{serve(engine)}/v1/chat/completions", json=body).raise_for_status()
    job = engine.jobs[0]
    assert {name: getattr(job, name) for name in wishes} == wishes
    assert job.logit_bias == {5: -1.0}


def test_an_answer_that_must_not_end_reaches_its_limit(serve: Serve) -> None:
    body = {"model": "fake", "messages": QUESTION, "max_tokens": 200, "ignore_eos": True}
    reply = httpx2.post(f"{serve(FakeEngine())}/v1/chat/completions", json=body).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 200


@pytest.mark.parametrize(
    ("wanted", "schema"),
    [
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}}, {"type": "array"}),
    ],
)
def test_response_formats_become_schemas(serve: Serve, wanted: dict[str, Any], schema: dict[str, Any]) -> None:
    engine = FakeEngine()
    body = {"model": "fake", "messages": QUESTION, "max_tokens": 1, "response_format": wanted}
    httpx2.post(f"{serve(engine)}/v1/chat/completions", json=body).raise_for_status()
    assert engine.jobs[0].json_schema == schema


def test_models_are_listed_and_found_by_name(serve: Serve) -> None:
    with sdk(serve(FakeEngine(name="org/small-1"))) as client:
        assert [model.id for model in client.models.list()] == ["org/small-1"]
        assert client.models.retrieve("org/small-1").object == "model"


def test_request_ids_come_back_and_are_drawn_where_none_came(serve: Serve) -> None:
    url = serve(FakeEngine())
    assert httpx2.get(f"{url}/health", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert httpx2.get(f"{url}/v1/models").headers["x-request-id"].startswith("req_")


def test_status_says_what_the_gateway_wants_to_know(serve: Serve) -> None:
    url = serve(FakeEngine(slots=3, context_tokens=512))
    status = httpx2.get(f"{url}/node/v1/status").json()
    assert (status["name"], status["model"], status["slots"], status["context_tokens"]) == ("edge-1", "fake", 3, 512)
    assert (status["draining"], status["registered"]) == (False, False)
    assert status["load"]["slots_busy"] == 0
    assert status["speed"] is None


def test_a_warm_call_makes_the_next_prompt_cheaper(serve: Serve) -> None:
    url = serve(FakeEngine())
    warmed = httpx2.post(f"{url}/node/v1/warm", json={"messages": QUESTION}).json()
    assert warmed["tokens"] > 0
    body = {"model": "fake", "messages": [{"role": "user", "content": "How do I sleep better? Tonight."}]}
    usage = httpx2.post(f"{url}/v1/chat/completions", json=body).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == warmed["tokens"]


def test_metrics_count_requests_and_tokens(serve: Serve) -> None:
    url = serve(FakeEngine())
    frames(url, max_tokens=4)
    page = httpx2.get(f"{url}/metrics").text
    assert 'edge_agent_requests_total{model="fake",outcome="length"} 1.0' in page
    assert 'edge_agent_tokens_total{kind="completion",model="fake"} 4.0' in page


def test_status_and_metrics_show_the_curve_as_far_as_it_is_measured(serve: Serve) -> None:
    url = serve(FakeEngine(slots=4, token_s=0.001))
    assert "edge_agent_decode_tokens_per_second{" not in httpx2.get(f"{url}/metrics").text
    frames(url, messages=[{"role": "user", "content": "word " * 40}], max_tokens=20)
    speed = httpx2.get(f"{url}/node/v1/status").json()["speed"]
    assert speed["prefill"]["source"] == "work"
    assert [(rate["sequences"], rate["source"]) for rate in speed["decode"]] == [(1, "work")]
    page = httpx2.get(f"{url}/metrics").text
    one = speed["decode"][0]["tokens_per_s"]
    assert f'edge_agent_decode_tokens_per_second{{model="fake",sequences="1"}} {one}' in page
    assert f'edge_agent_prefill_tokens_per_second{{model="fake"}} {speed["prefill"]["tokens_per_s"]}' in page
