"""The events of one request as one reply body."""

from collections.abc import Callable
from typing import Any

from picegate.core.chat import Ask
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
from picegate.wire.chunks import completion, head
from picegate.wire.usage import pice_body, usage_body


class ReplyWriter:
    """Feed it every event; after `Finished`, `body` is the reply."""

    def __init__(self, ask: Ask, created: int, bill: Callable[[Tally], Bill]) -> None:
        self._head = head(ask.request_id, created, ask.model)
        self._bill = bill
        self._plan: Plan | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._raw: RawReply | None = None
        self._body: dict[str, Any] | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan that holds; None before the first event."""
        return self._plan

    @property
    def body(self) -> dict[str, Any] | None:
        """None until the answer is whole."""
        return self._body

    def feed(self, event: Event) -> None:
        match event:
            case Planned(plan=plan):
                self._plan = plan
            case TextDelta(text=text):
                self._text.append(text)
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case RawReply():
                self._raw = event
            case SketchPoint() | SegmentDone():
                pass
            case Finished(finish_reason=reason, tally=tally):
                self._body = self._whole(reason, tally)
            case RawChunk():
                raise TypeError("a chunk in answer to a request for a whole reply")

    def _whole(self, reason: str, tally: Tally) -> dict[str, Any]:
        if self._plan is None:
            raise TypeError("an answer finished before it was planned")
        bill = self._bill(tally)
        if self._raw is None:
            usage = usage_body(tally, bill, self._plan)
            return completion(self._head, "".join(self._text), reason, usage, reasoning="".join(self._reasoning))
        theirs = self._raw.body.get("usage")
        if isinstance(theirs, dict):
            return {**self._raw.body, "usage": {**theirs, "pice": pice_body(tally, bill, self._plan)}}
        return {**self._raw.body, "usage": usage_body(tally, bill, self._plan)}
