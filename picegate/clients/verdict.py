"""What a refusal of the cloud means for us: whose fault it is, and whether asking again helps."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from picegate.core.errors import CloudMisconfigured, CloudRefused, CloudUnavailable, PiceError, RateLimited
from picegate.wire.upstream import UpstreamError, error_of, load

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_OUR_KEY = frozenset({401, 402, 403})
_OUR_MODEL_CODES = frozenset({"model_not_found", "invalid_model"})


def verdict(status: int, body: bytes, *, retry_after_s: float | None = None) -> PiceError:
    """The error that a reply with this status (not 2xx) is.

    What the cloud says about the gateway's own key or model is left out: it may quote a part of the key.
    """
    told = error_of(body)
    if status in _OUR_KEY or told.code == "insufficient_quota":
        return CloudMisconfigured(f"the cloud does not accept the gateway's account (status {status})")
    if status == 429:
        return RateLimited("the cloud is limiting the rate of requests", retry_after_s=retry_after_s or 1.0)
    if status >= 500 or status == 408:
        return CloudUnavailable(f"the cloud failed (status {status})")
    if _about_our_model(status, told):
        return CloudMisconfigured("the cloud does not know the model or the path that the gateway is configured with")
    if status < 400:
        return CloudMisconfigured(f"the cloud's address answers with a redirection (status {status})")
    return CloudRefused(
        told.message or f"the cloud refused the request (status {status})", status=status, body=_as_object(body, told)
    )


def retry_after_of(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the reply asks to wait (`retry-after-ms`; `retry-after` as seconds or a date); None: none said."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(float(headers[name]) * scale, 0.0)
        except (KeyError, ValueError):
            continue
    try:
        until = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)


def parse_reply(body: bytes) -> dict[str, Any]:
    """The whole reply of a call that was not streamed.

    Raises:
        UpstreamError: no JSON object, or an error under a 200.
    """
    try:
        data = load(body)
    except ValueError as error:
        raise UpstreamError("its reply is not JSON") from error
    if not isinstance(data, dict):
        raise UpstreamError("its reply is not a JSON object")
    if data.get("error") and not data.get("choices"):
        raise error_of(body)
    return data


def _about_our_model(status: int, told: UpstreamError) -> bool:
    if told.code in _OUR_MODEL_CODES or (told.param == "model" and status in (400, 404)):
        return True
    if status == 405:
        return True
    # A 404 without a word, or about a URL or a model, comes from a wrong base_url or model; any other is about
    # something that the request itself names (a file, an earlier response).
    words = told.message.lower()
    return status == 404 and (not words or words == "not found" or "model" in words or "url" in words)


def _as_object(body: bytes, told: UpstreamError) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        return data
    return {
        "error": {
            "message": told.message or "the cloud refused the request",
            "type": "invalid_request_error",
            "param": told.param,
            "code": told.code,
        }
    }
