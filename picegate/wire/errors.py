"""The one table from our error tree to what a client of OpenAI's API may see."""

import math
from dataclasses import dataclass
from typing import Any

from picegate.core import errors as ours
from picegate.core.errors import Busy, CloudRefused, PiceError

_CLIENT = "invalid_request_error"
_SERVER = "server_error"
_LIMIT = "rate_limit_error"

# Status and OpenAI's error type; an error's own class decides, else the nearest of its parents that stands here.
TABLE: dict[type[PiceError], tuple[int, str]] = {
    ours.BadRequest: (400, _CLIENT),
    ours.Unauthorized: (401, _CLIENT),
    ours.Forbidden: (403, "permission_error"),
    ours.NotFound: (404, _CLIENT),
    ours.TooLarge: (413, _CLIENT),
    ours.RateLimited: (429, _LIMIT),
    ours.Overloaded: (429, _LIMIT),
    ours.Busy: (503, _SERVER),
    ours.CloudError: (502, _SERVER),
    ours.CloudUnavailable: (503, _SERVER),
    ours.CloudTimeout: (504, _SERVER),
    ours.EdgeError: (502, _SERVER),
    ours.NoNode: (503, _SERVER),
    ours.NodeUnavailable: (503, _SERVER),
    ours.NodeTimeout: (504, _SERVER),
    ours.PiceError: (500, _SERVER),
}

RETRY_AFTER_S = 2.0  # what a 503 says that knows no better


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as the client sees it, before the first byte of an answer."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def refusal(error: PiceError) -> Refusal:
    status, _ = _entry(error)
    headers: dict[str, str] = {}
    if isinstance(error, Busy) or status == 503:
        wait_s = max(0.0, error.retry_after_s if isinstance(error, Busy) else RETRY_AFTER_S)
        headers["retry-after"] = str(math.ceil(wait_s))
        headers["retry-after-ms"] = str(math.ceil(wait_s * 1000))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.cloud_spent:  # the client's library would try again by itself, and pay again
        headers["x-should-retry"] = "false"
    return Refusal(status, error_body(error), headers)


def error_body(error: PiceError) -> dict[str, Any]:
    """OpenAI's error object; `message`, `type`, `param` and `code` are always there.

    What the cloud refused keeps the cloud's own body; fields that it left out are added.
    """
    own = {"message": error.message, "type": _entry(error)[1], "param": error.param, "code": error.code}
    if not isinstance(error, CloudRefused):
        return {"error": own}
    theirs = error.body.get("error")
    if not isinstance(theirs, dict):
        return {"error": own}
    return {**error.body, "error": {**own, "param": None, "code": None, **theirs}}


def internal_error() -> PiceError:
    """What a client may know of a fault of ours."""
    return PiceError("The server had an error while processing your request.", code="internal_error")


def _entry(error: PiceError) -> tuple[int, str]:
    if isinstance(error, CloudRefused):
        return error.status, _CLIENT
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def http_error(status: int, message: str) -> dict[str, Any]:
    """The body for an error of the HTTP layer itself (405 and the like)."""
    code = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}.get(status, "http_error")
    kind = _SERVER if status >= 500 else _CLIENT
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
