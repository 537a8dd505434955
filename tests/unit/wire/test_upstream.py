"""What upstreams answer, in our words."""

import json
from typing import Any

import pytest

from picegate.core.ports import Delta
from picegate.core.usage import Tokens
from picegate.wire.upstream import UpstreamError, error_in, error_of, parse_delta, tokens_of


def payload(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def choice(finish_reason: Any = None, **delta: Any) -> bytes:
    return payload(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (choice(content="Hi"), Delta("Hi")),
        (choice(role="assistant", content=""), Delta()),
        (choice(role="assistant", content=None), Delta()),
        (choice(reasoning_content="hm"), Delta(reasoning="hm")),
        (choice(reasoning="hm", content=""), Delta(reasoning="hm")),
        (choice(reasoning="hm", reasoning_content="hm"), Delta(reasoning="hm")),
        (choice("stop"), Delta(finish_reason="stop")),
        (choice("", content="x"), Delta("x")),
        (choice(content=[{"type": "text", "text": "a"}, {"type": "thinking"}]), Delta("a")),
        (payload(choices=[{"index": 0, "delta": None, "finish_reason": "length"}]), Delta(finish_reason="length")),
        (payload(choices=[{"index": 0}]), Delta()),
        (payload(choices=[]), Delta()),
        (payload(choices=None, usage=None, error=None), Delta()),
        (payload(prompt_filter_results=[]), Delta()),
        (payload(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4}), Delta(tokens=Tokens(3, 4))),
    ],
)
def test_a_chunk_of_any_upstream_becomes_a_delta(data: bytes, expected: Delta) -> None:
    assert parse_delta(data) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [(-0.5, -0.5), (0, 0.0), (0.5, None), (None, None), ("-1", None), (True, None), (float("-inf"), None)],
)
def test_a_mean_logprob_is_taken_only_where_it_can_be_one(told: Any, expected: float | None) -> None:
    assert parse_delta(payload(choices=[], usage={"mean_logprob": told})).mean_logprob == expected


def test_usage_tells_cached_and_reasoning_tokens() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    assert tokens_of(usage) == Tokens(prompt=100, completion=20, cached=64, reasoning=12)


def test_the_usage_of_deepseek_names_cache_hits_at_the_top() -> None:
    assert tokens_of({"prompt_tokens": 9, "prompt_cache_hit_tokens": 5}) == Tokens(prompt=9, cached=5)


@pytest.mark.parametrize(
    "usage", [None, {}, "x", {"prompt_tokens": None, "prompt_tokens_details": None}, {"prompt_tokens": "7"}]
)
def test_a_usage_that_says_nothing_counts_nothing(usage: Any) -> None:
    assert tokens_of(usage) == Tokens()


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}', "no", "c"),
        (b'{"error": {"message": "no", "type": "t", "code": null}}', "no", "t"),
        (b'{"error": {"message": "no", "code": 404}}', "no", "404"),
        (b'{"error": "model not loaded"}', "model not loaded", None),
        (b'{"object": "error", "message": "no", "type": "NotFoundError", "code": 404}', "no", "404"),
        (b'{"detail": "Not Found"}', "Not Found", None),
        (b'[{"error": {"message": "no", "code": 400}}]', "no", "400"),
        (b"upstream connect error", "upstream connect error", None),
        (b"<html>502</html>", "", None),
        (b"", "", None),
        (b"[]", "", None),
    ],
)
def test_the_error_of_a_refusal_is_found_in_every_shape(body: bytes, message: str, code: str | None) -> None:
    error = error_of(body)
    assert (error.message, error.code) == (message, code)


def test_an_error_in_a_stream_is_raised_with_its_message() -> None:
    with pytest.raises(UpstreamError, match="out of memory") as caught:
        parse_delta(payload(error={"message": "out of memory", "code": 500, "param": "n"}))
    assert (caught.value.code, caught.value.param) == ("500", "n")


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"\xff"])
def test_what_is_no_object_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamError):
        parse_delta(data)


def test_the_word_error_in_an_answer_is_no_error() -> None:
    assert error_in(choice(content="error")) is None
    assert error_in(choice(content='{"error": "x"}')) is None
    assert error_in(b"not json") is None
