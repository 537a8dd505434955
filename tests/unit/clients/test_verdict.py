"""What a refusal of the cloud means for us."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from picegate.clients.verdict import retry_after_of, verdict
from picegate.core.errors import CloudMisconfigured, CloudRefused, CloudUnavailable, PiceError, RateLimited

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def body(message: str = "no", **fields: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (400, body("messages is empty", param="messages"), CloudRefused),
        (400, body("Invalid model ID", param="model"), CloudMisconfigured),
        (413, b"<html>too large</html>", CloudRefused),
        (422, body(), CloudRefused),
        (404, body("No such file: file-1"), CloudRefused),
        (404, body("The model `x` does not exist", code="model_not_found"), CloudMisconfigured),
        (404, body('model "x" not found, try pulling it first'), CloudMisconfigured),
        (404, body("Invalid URL (POST /chat/completions)"), CloudMisconfigured),
        (404, b'{"detail": "Not Found"}', CloudMisconfigured),
        (405, b"", CloudMisconfigured),
        (307, b"", CloudMisconfigured),
        (401, body("Incorrect API key provided: sk-abc"), CloudMisconfigured),
        (402, body("Insufficient Balance"), CloudMisconfigured),
        (403, body("Country not supported"), CloudMisconfigured),
        (429, body("Slow down"), RateLimited),
        (429, body("You exceeded your current quota", code="insufficient_quota"), CloudMisconfigured),
        (500, b"", CloudUnavailable),
        (503, body("Loading model"), CloudUnavailable),
    ],
)
def test_each_status_has_its_place_in_the_error_tree(status: int, told: bytes, error: type[PiceError]) -> None:
    assert type(verdict(status, told)) is error


def test_a_refusal_about_the_request_goes_on_as_it_came() -> None:
    error = verdict(400, body("too long", code="context_length_exceeded", extra=1))
    assert isinstance(error, CloudRefused)
    assert (error.status, error.message) == (400, "too long")
    assert error.body["error"]["extra"] == 1


def test_a_refusal_in_a_foreign_shape_gets_openais() -> None:
    error = verdict(422, b'{"detail": "bad"}')
    assert isinstance(error, CloudRefused)
    assert error.body == {"error": {"message": "bad", "type": "invalid_request_error", "param": None, "code": None}}


def test_what_the_cloud_says_of_our_key_is_not_passed_on() -> None:
    assert "sk-abc" not in str(verdict(401, body("Incorrect API key provided: sk-abc")))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Mon, 04 May 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 04 May 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_of(headers, NOW) == seconds
