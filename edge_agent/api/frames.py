"""OpenAI's chat completion, whole and in chunks."""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_agent.engine.port import Counts, Piece, TokenLogprob

DONE = b"data: [DONE]\n\n"


def frame(body: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all chunks of one answer have in common."""

    model: str
    include_usage: bool = False
    with_logprobs: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def opening(self) -> bytes:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def text(self, piece: Piece) -> bytes:
        return self._chunk({"content": piece.text}, logprobs=piece.logprobs)

    def ending(self, finish_reason: str) -> bytes:
        return self._chunk({}, finish_reason=finish_reason)

    def usage(self, counts: Counts) -> bytes:
        return frame({**self._head("chat.completion.chunk"), "choices": [], "usage": usage(counts)})

    def whole(self, text: str, logprobs: Sequence[TokenLogprob], finish_reason: str, counts: Counts) -> dict[str, Any]:
        """The reply of a call that is not streamed."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": self._logprobs(logprobs),
            "finish_reason": finish_reason,
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage(counts)}

    def _chunk(
        self, delta: dict[str, Any], *, finish_reason: str | None = None, logprobs: Sequence[TokenLogprob] = ()
    ) -> bytes:
        shown = self._logprobs(logprobs) if logprobs else None
        choice = {"index": 0, "delta": delta, "logprobs": shown, "finish_reason": finish_reason}
        body = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return frame({**body, "usage": None} if self.include_usage else body)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _logprobs(self, entries: Sequence[TokenLogprob]) -> dict[str, Any] | None:
        if not self.with_logprobs:
            return None
        content = [{**_entry(e), "top_logprobs": [_entry(other) for other in e.top]} for e in entries]
        return {"content": content, "refusal": None}


def usage(counts: Counts) -> dict[str, Any]:
    told = {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
    }
    return told if counts.mean_logprob is None else {**told, "mean_logprob": counts.mean_logprob}


def _entry(entry: TokenLogprob) -> dict[str, Any]:
    return {"token": entry.token, "logprob": entry.logprob, "bytes": list(entry.bytes)}
