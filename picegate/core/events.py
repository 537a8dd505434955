"""What happens to a request, in order. The pipeline makes events; the door, the ledger and the metrics read them."""

from collections.abc import Mapping
from typing import Any

from picegate.core.plan import Plan
from picegate.core.sketch import Point
from picegate.core.usage import Tally
from picegate.core.value import value

CLOUD = "cloud"  # the writer's name for text that the cloud wrote itself


@value
class Planned:
    """Always first. A second one before any output replaces it (the cloud was down, so the edge answers)."""

    plan: Plan


@value
class SketchPoint:
    """A delegation line has closed; its expansion starts now."""

    point: Point


@value
class RawChunk:
    """Cloud path, streamed: one SSE `data:` payload exactly as the cloud sent it (never `[DONE]`)."""

    data: bytes


@value
class RawReply:
    """Cloud path, not streamed: the cloud's whole reply body."""

    body: Mapping[str, Any]


@value
class ReasoningDelta:
    """Thinking of the cloud model, or the sketch where its display is switched on. Not part of the answer."""

    text: str


@value
class TextDelta:
    """The next characters of the answer, strictly in reading order. `writer` is "cloud" or a node's name."""

    text: str
    segment: int
    writer: str = CLOUD


@value
class SegmentDone:
    """A passage is whole: who wrote it, and how many tries it took.

    `stood_in`: nobody could expand the point, so its own notes stand in.
    """

    segment: int
    point: int | None
    writer: str
    attempts: int = 1
    stood_in: bool = False


@value
class Finished:
    """Always last, also when the client went away (`cancelled`) or an error ended it (`error`).

    finish_reason: OpenAI's ("stop", "length", ...), or "cancelled" / "error".
    """

    finish_reason: str
    tally: Tally
    error: str | None = None


Event = Planned | SketchPoint | RawChunk | RawReply | ReasoningDelta | TextDelta | SegmentDone | Finished
