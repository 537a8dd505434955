"""Requests that have happened, for the tests of those who listen."""

from collections.abc import Callable, Iterable

from picegate.core.chat import Ask, Message, Mode
from picegate.core.events import Event, Finished, Planned, SegmentDone, SketchPoint, TextDelta
from picegate.core.plan import Plan, Reason
from picegate.core.sketch import Point
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally, Tokens

PROGRESSIVE = Plan(Mode.PROGRESSIVE, Reason("long_answer", "the answer will be long"), level=2, max_points=8)
CLOUD = Plan(Mode.CLOUD, Reason("tools", "only the cloud can call tools"))


def ask(request_id: str = "req-1", key_id: str | None = "key_1") -> Ask:
    return Ask(request_id, "pice", (Message("user", "a secret question"),), {}, key_id=key_id)


def leg(
    kind: LegKind, where: str, tokens: Tokens, end: LegEnd = LegEnd.DONE, started_s: float = 0.0, ended_s: float = 1.0
) -> LegRecord:
    return LegRecord(
        kind, where, f"{where}-model", started_s, first_token_s=0.2, ended_s=ended_s, end=end, tokens=tokens
    )


def progressive_tally() -> Tally:
    """A sketch of 100 tokens and two passages of 150, one of them begun again."""
    return Tally(
        legs=[
            leg(LegKind.SKETCH, "cloud", Tokens(prompt=1000, completion=100, cached=400)),
            leg(LegKind.EXPAND, "nano-1", Tokens(prompt=600, completion=150), ended_s=3.0),
            leg(LegKind.EXPAND, "nano-2", Tokens(prompt=600, completion=20), end=LegEnd.FAILED),
            leg(LegKind.HEDGE, "nano-1", Tokens(prompt=620, completion=130), started_s=1.0, ended_s=4.0),
        ],
        prompt_tokens=500,
        completion_tokens=360,
        first_token_s=0.3,
        total_s=4.0,
    )


def cloud_tally() -> Tally:
    tokens = Tokens(prompt=500, completion=300)
    return Tally([leg(LegKind.CLOUD, "cloud", tokens)], 500, 300, first_token_s=0.5, total_s=6.0)


def progressive_events() -> list[Event]:
    return [
        Planned(PROGRESSIVE),
        TextDelta("An opening. ", 0),
        SketchPoint(Point(0, "notes", 60)),
        SketchPoint(Point(1, "more notes", 60)),
        TextDelta("A passage. ", 1, "nano-1"),
        SegmentDone(1, 0, "nano-1"),
        SegmentDone(2, 1, "cloud", attempts=2),
        Finished("stop", progressive_tally()),
    ]


def tell(listen: Callable[[Ask, Event], None], of: Ask, events: Iterable[Event]) -> None:
    for event in events:
        listen(of, event)
