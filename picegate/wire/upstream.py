"""What upstreams answer, in our words. Tolerant: OpenAI, vLLM, SGLang, llama-server and Ollama differ."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import orjson

from picegate.core.ports import Delta
from picegate.core.usage import Tokens

_SHOWN = 500  # characters of an upstream's message that are passed on


class UpstreamError(ValueError):
    """What an upstream says went wrong.

    Attributes:
        message: its own words, shortened; empty where it said nothing.
        code: its machine-readable code as text, or its type, or None.
        param: the request field it names, or None.
    """

    def __init__(self, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


def parse_delta(payload: bytes) -> Delta:
    """One data payload of a streamed chat completion (not `[DONE]`). Only the first choice is read.

    Raises:
        UpstreamError: the payload is an error, or no JSON object.
    """
    chunk = _object(payload)
    if "error" in chunk and (error := _error_in(chunk)) is not None:
        raise error
    usage, choices = chunk.get("usage"), chunk.get("choices")
    tokens = mean_logprob = None
    if isinstance(usage, dict):
        tokens, mean_logprob = tokens_of(usage), _logprob(usage.get("mean_logprob"))
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return Delta(tokens=tokens, mean_logprob=mean_logprob)
    finish, delta = choice.get("finish_reason"), choice.get("delta")
    if not isinstance(delta, dict):
        delta = {}
    text, thought, other_thought = delta.get("content"), delta.get("reasoning_content"), delta.get("reasoning")
    return Delta(
        text if isinstance(text, str) else _text(text),
        "" if thought is None and other_thought is None else _text(thought) or _text(other_thought),
        finish if isinstance(finish, str) and finish else None,
        tokens,
        mean_logprob,
    )


def tokens_of(usage: Any) -> Tokens:
    """OpenAI's `usage` object; zeros where it is missing or names nothing."""
    if not isinstance(usage, Mapping):
        return Tokens()
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Tokens(
        prompt=_count(usage, "prompt_tokens"),
        completion=_count(usage, "completion_tokens"),
        # DeepSeek names its cache hits at the top.
        cached=_count(prompt, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens"),
        reasoning=_count(completion, "reasoning_tokens"),
    )


def error_of(body: bytes) -> UpstreamError:
    """The error that a refusing reply's body tells of; with an empty message where it tells of none."""
    try:
        data = json.loads(body)
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        return UpstreamError(
            "" if text.startswith("<") else text[:_SHOWN]
        )  # a proxy's HTML page says nothing to anyone
    if isinstance(data, list) and data:  # Gemini's OpenAI door wraps it
        data = data[0]
    if not isinstance(data, Mapping):
        return UpstreamError("")
    error = _error_in(data)
    if error is not None:
        return error
    if "message" in data:  # vLLM before it followed OpenAI
        return _error(data)
    return UpstreamError(_text(data.get("detail"))[:_SHOWN])  # FastAPI


def error_in(payload: bytes) -> UpstreamError | None:
    """The error that a streamed data payload carries, if it does."""
    try:
        return _error_in(_object(payload))
    except UpstreamError:
        return None


def load(text: bytes) -> Any:
    """JSON of an upstream. What orjson refuses has a second chance: half a surrogate pair, NaN, other encodings.

    Raises:
        ValueError: it is none.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def dump(body: Mapping[str, Any]) -> bytes:
    """JSON for an upstream. What orjson refuses goes out as Python writes it: half a surrogate pair as its escape."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def _object(payload: bytes) -> dict[str, Any]:
    try:
        data = load(payload)
    except ValueError as error:
        raise UpstreamError("the upstream sent something that is not JSON") from error
    if not isinstance(data, dict):  # not Mapping, which takes a while to ask: here it is asked for every token
        raise UpstreamError("the upstream sent JSON that is not an object")
    return data


def _error_in(data: Mapping[str, Any]) -> UpstreamError | None:
    error = data.get("error")
    if error is None:
        return None
    if isinstance(error, Mapping):
        return _error(error)
    if isinstance(error, str) and error:  # Ollama
        return UpstreamError(error[:_SHOWN])
    if data.get("object") == "error":
        return _error(data)
    return None


def _error(error: Mapping[str, Any]) -> UpstreamError:
    code = error.get("code")
    if code is None:
        code = error.get("type")
    param = error.get("param")
    return UpstreamError(
        _text(error.get("message"))[:_SHOWN],
        str(code) if code is not None else None,
        param if isinstance(param, str) else None,
    )


def _text(value: Any) -> str:
    """Text of a content field; of a list of parts (Mistral's thinking models), that of its text parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, Mapping))
    return ""


def _logprob(value: Any) -> float | None:
    """Our agents' own field. Nothing that could not be one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if isfinite(value) and value <= 0 else None


def _count(counts: Any, name: str) -> int:
    value = counts.get(name) if isinstance(counts, Mapping) else None
    return int(value) if isinstance(value, int | float) and value > 0 else 0
