"""Who goes first when the cloud is full: short and urgent calls, but nobody waits for ever; and whom to turn away.

A call's rank is a point in time: when it came, plus its patience, plus half of the time it will hold its place. The
lowest rank goes first. (With all of that time, sketches go so far ahead of whole answers that the slowest answers are
those that the cloud writes alone; with none of it, everybody waits for the long ones.) Time works for those who wait,
since everyone who comes later starts from a later moment: a call is overtaken only by those that come within its own
patience and half its length.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from picegate.core.chat import ServiceLevel

TYPICAL_TOKENS = 340.0  # of a call of which nothing is known

_LENGTH = 0.5  # share of its own length by which a call lets others by

# By so much later does a call count as having come: what is not urgent lets others by, for a while.
PATIENCE_S = {ServiceLevel.LATENCY: 0.0, ServiceLevel.QUALITY: 2.0, ServiceLevel.COST: 20.0}


@dataclass(frozen=True, slots=True, order=True)
class Ticket:
    """A call's place in the line. `number` keeps calls of one rank in order of arrival."""

    rank: float
    number: int
    tokens: float


def ticket(now: float, number: int, tokens: float | None, patience_s: float, token_s: float) -> Ticket:
    """`token_s`: seconds that a place is held per token."""
    known = TYPICAL_TOKENS if tokens is None else max(tokens, 1.0)
    return Ticket(now + patience_s + _LENGTH * known * token_s, number, known)


def wait_s(line: Sequence[Ticket], own: Ticket, token_s: float, places: int) -> float:
    """Seconds until `own` is served, if nobody else came. `line` is sorted, every place taken.

    The first place comes free after a share of a typical call, then the others at the rate of all places together.
    """
    before = sum(other.tokens for other in line[: bisect_left(line, own)])
    return (before + TYPICAL_TOKENS) * token_s / places
