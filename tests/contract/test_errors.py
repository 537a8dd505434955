import logging
from pathlib import Path
from typing import Any

import openai
import pytest

from picegate.core import errors
from picegate.core.errors import PiceError
from picegate.core.events import Finished, Planned, TextDelta
from tests.contract.asking import MESSAGES, body, frames, get, post
from tests.contract.house import CLOUD_PLAN, PROGRESSIVE_PLAN, door, tally


def spent(error: PiceError) -> PiceError:
    error.cloud_spent = True
    return error


def shape(reply: Any) -> dict[str, Any]:
    """The error object, after a look at its shape."""
    said = reply.json()
    assert set(said) == {"error"}
    assert set(said["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = said["error"]
    return error


TABLE = [
    (errors.ContextTooLong("long", param="messages"), 400, "context_length_exceeded"),
    (errors.Forbidden("no"), 403, "permission_denied"),
    (errors.RateLimited("slow down", retry_after_s=1.2), 429, "rate_limit_exceeded"),
    (errors.Overloaded("full", retry_after_s=3), 429, "overloaded"),
    (errors.CloudMisconfigured("our key"), 502, "cloud_misconfigured"),
    (errors.CloudUnavailable("down"), 503, "cloud_unavailable"),
    (errors.CloudTimeout("slow"), 504, "cloud_timeout"),
    (errors.CloudBroken("cut"), 502, "cloud_stream_broken"),
    (errors.NoNode("none"), 503, "no_edge_available"),
    (errors.NodeBroken("cut"), 502, "edge_stream_broken"),
    (errors.PiceError("hm", code="odd"), 500, "odd"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("error", "status", "code"), TABLE, ids=lambda value: getattr(value, "code", None))
async def test_a_failure_before_the_first_byte_is_a_status(
    tmp_path: Path, error: PiceError, status: int, code: str, stream: bool
) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), error) as at:
        reply = await post(at.root, body(stream=stream))
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    said = shape(reply)
    assert (said["code"], said["message"], said["param"]) == (code, error.message, error.param)
    assert reply.headers["x-pice-mode"] == "cloud"
    assert ("retry-after" in reply.headers) == (status in (429, 503))
    assert "x-should-retry" not in reply.headers
    assert reply.headers["x-request-id"]


async def test_retry_after_is_in_whole_seconds_and_in_milliseconds(tmp_path: Path) -> None:
    async with door(tmp_path, errors.RateLimited("slow down", retry_after_s=1.2)) as at:
        reply = await post(at.root, body())
    assert (reply.headers["retry-after"], reply.headers["retry-after-ms"]) == ("2", "1200")


@pytest.mark.parametrize("stream", [True, False])
async def test_no_client_shall_retry_once_cloud_tokens_were_spent(tmp_path: Path, stream: bool) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), spent(errors.CloudBroken("cut"))) as at:
        async with at.client(max_retries=2) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await client.chat.completions.create(model="pice", messages=MESSAGES, stream=stream)
        assert len(at.script.asked) == 1
    assert caught.value.response.headers["x-should-retry"] == "false"


async def test_the_sdk_does_retry_what_cost_nothing(tmp_path: Path) -> None:
    async with door(tmp_path, errors.Overloaded("full", retry_after_s=0.01)) as at:
        async with at.client(max_retries=2) as client:
            with pytest.raises(openai.RateLimitError):
                await client.chat.completions.create(model="pice", messages=MESSAGES)
        assert len(at.script.asked) == 3


async def test_a_failure_after_the_first_byte_raises_in_the_sdk_with_our_code(tmp_path: Path) -> None:
    steps = (Planned(PROGRESSIVE_PLAN), TextDelta("Half an", 0), errors.CloudBroken("the cloud's stream ended early"))
    async with door(tmp_path, *steps) as at, at.client() as client:
        stream = await client.chat.completions.create(model="pice", messages=MESSAGES, stream=True)
        seen: list[str | None] = []

        async def read() -> None:
            async for chunk in stream:
                seen.append(chunk.choices[0].delta.content)  # noqa: PERF401 - kept though the stream breaks

        with pytest.raises(openai.APIError, match="the cloud's stream ended early") as caught:
            await read()
    assert seen == ["", "Half an"]
    assert (caught.value.code, caught.value.type) == ("cloud_stream_broken", "server_error")


async def test_no_done_follows_an_error(tmp_path: Path) -> None:
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), TextDelta("a", 0), errors.CloudBroken("cut")) as at:
        last = frames((await post(at.root, body(stream=True))).content)[-1]
    assert set(last["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("stream", [True, False])
async def test_what_the_cloud_refuses_keeps_the_clouds_words(tmp_path: Path, stream: bool) -> None:
    theirs = {"error": {"message": "Bad tool", "type": "invalid_request_error", "param": "tools[0]", "odd": 1}}
    refused = errors.CloudRefused("the cloud refused", status=422, body=theirs)
    async with door(tmp_path, Planned(CLOUD_PLAN), refused) as at:
        reply = await post(at.root, body(stream=stream))
    assert reply.status_code == 422
    assert reply.json() == {"error": {**theirs["error"], "code": None}}


async def test_a_refusal_without_an_error_object_is_told_in_our_shape(tmp_path: Path) -> None:
    refused = errors.CloudRefused("the cloud refused: nope", status=400, body={"detail": "nope"})
    async with door(tmp_path, Planned(CLOUD_PLAN), refused) as at:
        assert shape(await post(at.root, body()))["message"] == "the cloud refused: nope"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_fault_of_ours_says_no_more_than_that(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with door(tmp_path, Planned(CLOUD_PLAN), ZeroDivisionError("secret detail")) as at:
            reply = await post(at.root, body(stream=stream))
    assert reply.status_code == 500
    assert shape(reply)["code"] == "internal_error"
    assert "secret" not in reply.text
    assert "secret detail" in caplog.text


async def test_a_fault_outside_an_answer_says_no_more_either(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with door(tmp_path, plan=ZeroDivisionError("secret"), server={"cors_origins": ["*"]}) as at:
        reply = await post(at.root, body(pice={"explain": True}), origin="https://chat.example")
    assert (reply.status_code, shape(reply)["code"]) == (500, "internal_error")
    assert "secret" not in reply.text
    assert reply.headers["access-control-allow-origin"] == "*"
    assert caplog.text.count("ZeroDivisionError: secret") == 1


async def test_a_fault_of_ours_in_a_stream_is_a_frame(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), TextDelta("a", 0), ZeroDivisionError("secret")) as at:
        reply = await post(at.root, body(stream=True))
    assert frames(reply.content)[-1]["error"]["code"] == "internal_error"
    assert "secret" not in reply.text
    assert "secret" in caplog.text


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_ends_in_an_error_event_is_an_error(tmp_path: Path, stream: bool) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN), Finished("error", tally(), "cloud_timeout")) as at:
        reply = await post(at.root, body(stream=stream))
    assert reply.status_code == 500
    assert shape(reply)["code"] == "cloud_timeout"
    assert reply.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_an_end_is_an_error(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path, Planned(CLOUD_PLAN)) as at:
        reply = await post(at.root, body(stream=stream))
    assert shape(reply)["code"] == "internal_error"
    assert "ended without saying so" in caplog.text


async def test_explain_tells_why_a_request_would_fail(tmp_path: Path) -> None:
    async with door(tmp_path, plan=errors.NoNode("no node is ready")) as at:
        reply = await post(at.root, body(pice={"explain": True}))
    assert (reply.status_code, shape(reply)["code"]) == (503, "no_edge_available")


@pytest.mark.parametrize(
    ("content", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b"", 400, "invalid_json", None),
        (b"[]", 400, "invalid_json", None),
        (b"\xff\xfe", 400, "invalid_json", None),
        (body(model="gpt-9"), 404, "model_not_found", "model"),
        (body(messages=[]), 400, "empty_array", "messages"),
        (body(messages=[*MESSAGES, {"role": "king", "content": "x"}]), 400, "invalid_value", "messages[1].role"),
        (body(temperature="hot"), 400, "invalid_type", "temperature"),
        (body(stream_options={"include_usage": True}), 400, "invalid_value", "stream_options"),
        (body(pice={"foo": 1}), 400, "unknown_parameter", "pice.foo"),
    ],
    ids=str,
)
async def test_a_bad_request_names_its_field(
    tmp_path: Path, content: Any, status: int, code: str, param: str | None
) -> None:
    async with door(tmp_path) as at:
        reply = await post(at.root, content)
    assert reply.status_code == status
    said = shape(reply)
    assert (said["code"], said["param"], said["type"]) == (code, param, "invalid_request_error")
    assert at.script.asked == []


async def test_the_sdk_sees_its_own_exceptions(tmp_path: Path) -> None:
    async with door(tmp_path) as at, at.client() as client:
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="gpt-9", messages=MESSAGES)
        with pytest.raises(openai.BadRequestError) as bad:
            await client.chat.completions.create(model="pice", messages=[])
    assert missing.value.code == "model_not_found"
    assert bad.value.param == "messages"


@pytest.mark.parametrize("path", ["/nowhere", "/v1/models/", "/v1/chat/completions", "/nodes/v1/nodes/x/drain"])
async def test_unknown_urls_and_methods_speak_openais_shape(tmp_path: Path, path: str) -> None:
    async with door(tmp_path) as at:
        reply = await get(at.root, path)
    assert reply.status_code in (404, 405)
    shape(reply)
    assert "detail" not in reply.json()
    if reply.status_code == 405:
        assert reply.headers["allow"]
