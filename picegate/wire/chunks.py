"""Replies that we write ourselves: OpenAI's chat.completion and chat.completion.chunk, and their SSE frames."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from picegate.core.value import value

DONE = b"data: [DONE]\n\n"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
PING = b": ping\n"  # ONE newline: an empty line after it would be taken for an event without data


@value
class Head:
    """What every chunk of one reply has in common. `created` is in Unix seconds."""

    id: str
    created: int
    model: str


def head(request_id: str, created: int, model: str) -> Head:
    return Head(f"chatcmpl-{request_id}", created, model)


def chunk(of: Head, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "id": of.id,
        "object": "chat.completion.chunk",
        "created": of.created,
        "model": of.model,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
    }


def usage_chunk(of: Head, usage: Mapping[str, Any]) -> dict[str, Any]:
    """The last chunk for a client that asked for usage: it has no choices."""
    return {
        "id": of.id,
        "object": "chat.completion.chunk",
        "created": of.created,
        "model": of.model,
        "choices": [],
        "usage": usage,
    }


def completion(
    of: Head, text: str, finish_reason: str, usage: Mapping[str, Any], *, reasoning: str = ""
) -> dict[str, Any]:
    """A whole reply. Thinking goes by two names among clients; where there is some, it has both."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if reasoning:
        message |= reasoning_fields(reasoning)
    return {
        "id": of.id,
        "object": "chat.completion",
        "created": of.created,
        "model": of.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": usage,
    }


def reasoning_fields(text: str) -> dict[str, str]:
    return {"reasoning_content": text, "reasoning": text}


def dump(body: Mapping[str, Any]) -> bytes:
    # Half a surrogate pair, which a careless upstream may send, becomes "?": nothing can be sent that holds one.
    try:
        return orjson.dumps(body)
    except TypeError:  # what it refuses and OpenAI's JSON may hold: such text, and whole numbers of more than 64 bits
        return _ENCODER.encode(body).encode("utf-8", "replace")


def frame(body: Mapping[str, Any]) -> bytes:
    return b"data: " + dump(body) + b"\n\n"
