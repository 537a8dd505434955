"""The events of one request as the bytes of an SSE stream. Pure: what has been fed decides what comes out."""

import json
import re
from collections.abc import Callable
from typing import Any

from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.core.events import (
    Event,
    Finished,
    Planned,
    RawChunk,
    RawReply,
    ReasoningDelta,
    SegmentDone,
    SketchPoint,
    TextDelta,
)
from picegate.core.plan import Plan
from picegate.core.usage import Bill, Tally
from picegate.wire.chunks import DONE, Head, chunk, frame, head, reasoning_fields, usage_chunk
from picegate.wire.errors import error_body
from picegate.wire.usage import pice_body, usage_body

# Inside a JSON string the quotes would be escaped, so text that talks about usage does not look like this.
_HAS_USAGE = re.compile(rb'"usage"\s*:\s*\{')


class StreamWriter:
    """Feed it every event; send what comes back, if anything.

    Chunks of the cloud go through as they came. One thing is looked at: the gateway asks the cloud for usage on every
    stream, so a usage chunk is kept back until `Finished` can complete it, and left out where the client wants none.
    """

    def __init__(self, ask: Ask, created: int, bill: Callable[[Tally], Bill]) -> None:
        self._ask = ask
        self._head = head(ask.request_id, created, ask.model)
        self._bill = bill
        self._plan: Plan | None = None
        self._begun = False
        self._first_raw: bytes | None = None
        self._held: dict[str, Any] | None = None  # the cloud's usage chunk
        self._author: tuple[int, str] | None = None  # segment and writer of the last text sent

    @property
    def plan(self) -> Plan | None:
        """The plan that holds; None before the first event."""
        return self._plan

    def feed(self, event: Event) -> bytes:
        match event:
            case RawChunk(data=data):
                return self._raw(data)
            case TextDelta(text=text, segment=segment, writer=writer):
                return self._delta({"content": text}, self._change_of_writer(segment, writer))
            case ReasoningDelta(text=text):
                return self._delta(reasoning_fields(text))
            case Planned(plan=plan):
                self._plan = plan
                return b""
            case SketchPoint() | SegmentDone():
                return b""
            case Finished(finish_reason=reason, tally=tally):
                return self._last(reason, tally)
            case RawReply():
                raise TypeError("a whole reply in answer to a request for a stream")

    def fail(self, error: PiceError) -> bytes:
        """The last frame of a stream that has begun and cannot go on. No `[DONE]` follows: the answer is not done."""
        return frame(error_body(error))

    def _raw(self, data: bytes) -> bytes:
        if self._first_raw is None:
            self._first_raw = data
        if _HAS_USAGE.search(data):
            body = json.loads(data)
            if isinstance(body, dict) and isinstance(body.get("usage"), dict):
                return self._hold(body)
        if b"\n" in data:  # an upstream that prints its JSON over several lines; between tokens a blank is the same
            data = data.replace(b"\n", b" ")
        return b"data: " + data + b"\n\n"

    def _hold(self, body: dict[str, Any]) -> bytes:
        self._held = {**body, "choices": []}
        if not body.get("choices"):
            return b""
        rest = {name: value for name, value in body.items() if name != "usage"}
        return frame({**rest, "usage": None} if self._ask.include_usage else rest)

    def _delta(self, delta: dict[str, str], extra: dict[str, Any] | None = None) -> bytes:
        return self._opening() + self._frame(chunk(self._head, delta) | (extra or {}))

    def _change_of_writer(self, segment: int, writer: str) -> dict[str, Any]:
        """`pice: {segment, writer}`, on the first chunk of every segment and where another writer takes one over."""
        if (segment, writer) == self._author:
            return {}
        self._author = (segment, writer)
        return {"pice": {"segment": segment, "writer": writer}}

    def _opening(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._frame(chunk(self._head, {"role": "assistant", "content": "", "refusal": None}))

    def _frame(self, body: dict[str, Any]) -> bytes:
        return frame({**body, "usage": None} if self._ask.include_usage else body)

    def _last(self, reason: str, tally: Tally) -> bytes:
        if self._plan is None:
            raise TypeError("an answer finished before it was planned")
        if self._first_raw is not None:
            return self._raw_usage(tally, self._plan) + DONE
        end = self._opening() + self._frame(chunk(self._head, {}, reason))
        if self._ask.include_usage:
            end += frame(usage_chunk(self._head, usage_body(tally, self._bill(tally), self._plan)))
        return end + DONE

    def _raw_usage(self, tally: Tally, plan: Plan) -> bytes:
        if not self._ask.include_usage:
            return b""
        bill = self._bill(tally)
        if self._held is None:
            return frame(usage_chunk(self._raw_head(), usage_body(tally, bill, plan)))
        return frame({**self._held, "usage": {**self._held["usage"], "pice": pice_body(tally, bill, plan)}})

    def _raw_head(self) -> Head:
        """The cloud's own id, time and model, for a usage chunk that the cloud did not send."""
        try:
            first = json.loads(self._first_raw or b"{}")
            return Head(str(first["id"]), int(first["created"]), str(first["model"]))
        except (ValueError, TypeError, KeyError):
            return self._head
