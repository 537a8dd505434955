"""One question put to a gateway, and what is counted of the answer."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from picegate.testbed.asking import Told, stream
from picegate.testbed.real.facts import coverage, echo
from picegate.testbed.real.sketches import LEVEL, Sketch

if TYPE_CHECKING:
    from openai import OpenAI

MAX_TOKENS = 2_000  # of the answer; none comes near it
CLOUD = "cloud"
SERVICE = "quality"  # who has models of different quality, and minds which one writes, asks for this


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Attributes:
        covered: share of its point's facts, by segment, of passages that agents alone wrote and that have facts.
        echoed: of the same passages, how much is copied from the point.
        left: passages that no agent could finish, so that their notes stood in.
        compared: points of which more than one passage was scored.
        last_s: when the last text came, seconds since the question.
        silence_s: the longest time between two pieces of text.
    """

    covered: dict[int, float]
    echoed: dict[int, float]
    left: int
    compared: int
    last_s: float
    silence_s: float


def ask(client: "OpenAI", sketch: Sketch, *, seed: int, max_words: int, ensemble: bool) -> Answer:
    """Raises openai.OpenAIError: no answer came, or it broke off."""
    pice: dict[str, Any] = {"level": LEVEL, "service_level": SERVICE} | ({} if ensemble else {"ensemble": 1})
    wishes = {"seed": seed, "max_tokens": MAX_TOKENS, "pice": pice}
    told = stream(client, "pice-progressive", sketch.asked.text, wishes, lambda _: None)
    return counted(told, sketch, max_words)


def counted(told: Told, sketch: Sketch, max_words: int) -> Answer:
    covered: dict[int, float] = {}
    echoed: dict[int, float] = {}
    left = 0
    for segment, point in sketch.points(max_words).items():
        parts = told.segments.get(segment, [])
        if not parts or any(writer == CLOUD for writer, _ in parts):
            left += 1
            continue
        text = "".join(text for _, text in parts)
        if (share := coverage(text, point.notes)) is not None:
            covered[segment] = share
            echoed[segment] = echo(text, point.notes)
    scored = [leg["point"] for leg in told.pice.get("legs", ()) if "quality" in leg]
    gaps = [later - earlier for earlier, later in pairwise(told.delta_s)]
    compared = sum(scored.count(point) > 1 for point in set(scored))
    return Answer(covered, echoed, left, compared, told.last_s or 0.0, max(gaps, default=0.0))
