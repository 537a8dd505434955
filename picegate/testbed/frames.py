"""The fakes' own OpenAI JSON. Written apart from `wire`, so that a mistake there is not repeated by what tests it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from picegate.testbed.calls import Call
from picegate.testbed.script import Piece, Refusal, Reply

CREATED = 1_750_000_000  # a fixed moment: answers of the fakes are the same every time
DONE = b"data: [DONE]\n\n"


def frame(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def chunk(
    call: Call, model: str, delta: Mapping[str, Any], finish_reason: str | None = None, **extra: Any
) -> dict[str, Any]:
    choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": f"chatcmpl-fake-{call.number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        **extra,
    }


def delta_of(piece: Piece) -> dict[str, Any]:
    delta: dict[str, Any] = dict(piece.delta)
    if piece.text:
        delta["content"] = piece.text
    if piece.reasoning:
        delta["reasoning_content"] = piece.reasoning
    return delta


def usage_of(call: Call, reply: Reply) -> dict[str, Any] | None:
    """The script's own figures, or words in and pieces out."""
    if reply.usage != "counted":
        return None if reply.usage is None else dict(reply.usage)
    prompt, completion = len(call.prompt.split()), len(reply.pieces)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def ending(call: Call, model: str, reply: Reply) -> Iterator[bytes]:
    """The frames after the last piece of a stream that ends well."""
    yield frame(chunk(call, model, {}, reply.finish_reason))
    usage = usage_of(call, reply)
    if usage is not None and (call.body.get("stream_options") or {}).get("include_usage"):
        yield frame({**chunk(call, model, {}), "choices": [], "usage": usage})
    yield DONE


def completion(call: Call, model: str, reply: Reply) -> dict[str, Any]:
    """The whole reply as one body; tool calls are put together by their index."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    reasoning = "".join(piece.reasoning for piece in reply.pieces)
    if reasoning:
        message["reasoning_content"] = reasoning
    extra: dict[str, Any] = {}
    tools: dict[int, dict[str, Any]] = {}
    for piece in reply.pieces:
        extra.update(piece.extra)
        for part in piece.delta.get("tool_calls", ()):
            tool = tools.setdefault(
                part["index"], {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
            )
            tool["id"] = part.get("id") or tool["id"]
            for name in ("name", "arguments"):
                tool["function"][name] += part.get("function", {}).get(name) or ""
    if tools:
        message["tool_calls"] = [tools[index] for index in sorted(tools)]
    return {
        "id": f"chatcmpl-fake-{call.number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}],
        "usage": usage_of(call, reply),
        **extra,
    }


def refusal_body(refusal: Refusal) -> bytes:
    if isinstance(refusal.body, bytes):
        return refusal.body
    error = {"message": refusal.message, "type": "scripted_error", "param": None, "code": refusal.code}
    return json.dumps(refusal.body if refusal.body is not None else {"error": error}).encode()


def models(*names: str) -> dict[str, Any]:
    entries = [{"id": name, "object": "model", "created": CREATED, "owned_by": "testbed"} for name in names]
    return {"object": "list", "data": entries}
