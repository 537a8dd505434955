"""Errors have OpenAI's shape, whoever finds them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest

from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job, Piece
from edge_agent.errors import EngineFailed
from tests.agent.conftest import Serve

HELLO = {"role": "user", "content": "Hello"}


def post(url: str, body: Any, path: str = "/v1/chat/completions", **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else None
    return httpx2.post(url + path, json=None if content else body, content=content, headers=headers)


def error_of(reply: httpx2.Response) -> dict[str, Any]:
    body = reply.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return dict(body["error"])


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [HELLO, {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"response_format": {"type": "poem"}}, "response_format.type"),
        ({"response_format": {"type": "json_object"}, "grammar": "root ::= x"}, "grammar"),
        ({"ignore_eos": True, "grammar": "root ::= x"}, "ignore_eos"),
        ({"ignore_eos": True, "response_format": {"type": "json_object"}}, "ignore_eos"),
        ({"continue_final_message": True}, "continue_final_message"),
        ({"stop": 7}, "stop"),
    ],
)
def test_a_bad_field_is_a_400_that_names_it(serve: Serve, change: dict[str, Any], param: str) -> None:
    engine = FakeEngine()
    reply = post(serve(engine), {"model": "fake", "messages": [HELLO], **change})
    assert reply.status_code == 400
    error = error_of(reply)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert engine.started == 0


def test_bodies_that_are_no_json_object_or_no_text_are_400(serve: Serve) -> None:
    url = serve(FakeEngine())
    half_an_emoji = b'{"model": "fake", "messages": [{"role": "user", "content": "\\ud83c"}]}'
    for body in (b"{", b"", b"[1]", b'"x"', b"\xff\xfe", half_an_emoji):
        reply = post(url, body)
        assert reply.status_code == 400
        error_of(reply)


def test_a_missing_model_is_named(serve: Serve) -> None:
    assert error_of(post(serve(FakeEngine()), {"messages": [HELLO]}))["param"] == "model"


def test_another_model_is_not_found(serve: Serve) -> None:
    url = serve(FakeEngine())
    reply = post(url, {"model": "gpt-4o", "messages": [HELLO]})
    assert (reply.status_code, error_of(reply)["code"]) == (404, "model_not_found")
    reply = httpx2.get(f"{url}/v1/models/gpt-4o")
    assert (reply.status_code, error_of(reply)["code"]) == (404, "model_not_found")


def test_a_prompt_beyond_the_context_names_the_limit(serve: Serve) -> None:
    url = serve(FakeEngine(context_tokens=50))
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
    with client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "long " * 60}], stream=True)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.param == "messages"
    assert "50 tokens" in refused.value.message


def test_a_huge_body_is_413(serve: Serve) -> None:
    url = serve(FakeEngine(), max_body_bytes=1000)
    reply = post(url, {"model": "fake", "messages": [{"role": "user", "content": "x" * 2000}]})
    assert (reply.status_code, error_of(reply)["code"]) == (413, "request_too_large")


def test_unknown_paths_and_methods_have_openais_shape_too(serve: Serve) -> None:
    url = serve(FakeEngine())
    assert httpx2.get(f"{url}/nowhere").status_code == 404
    error_of(httpx2.get(f"{url}/nowhere"))
    assert httpx2.get(f"{url}/v1/chat/completions").status_code == 405
    error_of(httpx2.get(f"{url}/v1/chat/completions"))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/node/v1/status", "/node/v1/warm"])
def test_without_the_key_nobody_enters(serve: Serve, path: str) -> None:
    url = serve(FakeEngine(), api_key="secret")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "secret"}):
        reply = httpx2.get(url + path, headers=headers)
        assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key")
        assert reply.headers["x-request-id"]


def test_with_the_key_one_enters_and_health_asks_for_none(serve: Serve) -> None:
    url = serve(FakeEngine(), api_key="secret")
    assert httpx2.get(f"{url}/v1/models", headers={"authorization": "Bearer secret"}).status_code == 200
    assert httpx2.get(f"{url}/health").status_code == 200


def test_a_warm_call_without_messages_is_400(serve: Serve) -> None:
    assert error_of(post(serve(FakeEngine()), {"messages": []}, "/node/v1/warm"))["param"] == "messages"


class Breaking(FakeEngine):
    """Breaks after two words; with `raising`, by a fault that nobody foresaw."""

    raising = False

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async def pieces() -> AsyncIterator[Piece]:
            yield Piece("two ")
            yield Piece("words")
            raise ZeroDivisionError if self.raising else EngineFailed("The engine broke.")

        yield pieces()


@pytest.mark.parametrize("raising", [False, True])
def test_a_stream_that_breaks_ends_with_an_error_frame(serve: Serve, raising: bool) -> None:
    engine = Breaking()
    engine.raising = raising
    url = serve(engine)
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        stream = client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "x"}], stream=True)
        assert "".join(next(stream).choices[0].delta.content or "" for _ in range(3)) == "two words"
        with pytest.raises(openai.APIError) as broken:
            next(stream)
    assert broken.value.code == "engine_failed"


def test_a_whole_answer_that_breaks_is_a_500(serve: Serve) -> None:
    reply = post(serve(Breaking()), {"model": "fake", "messages": [HELLO]})
    assert (reply.status_code, error_of(reply)["code"]) == (500, "engine_failed")
