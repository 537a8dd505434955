"""Who goes first when the cloud is full: short and urgent calls, but nobody waits for ever; and whom to turn away.

A call's rank is a point in time: when it came, plus its patience, plus a share of the time it will hold its place. The
lowest rank goes first. (With all of that time, sketches go so far ahead of whole answers that the slowest answers are
those that the cloud writes alone; with none of it, everybody waits for the long ones.) Time works for those who wait,
since everyone who comes later starts from a later moment: a call is overtaken only by those that come within its own
patience and that share of its length, and by no more of these than half of the longest wait leaves room for.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from picegate.core.chat import ServiceLevel
from picegate.core.value import value
from picegate.planning.sums import Sums

TYPICAL_TOKENS = 340.0  # of a call of which nothing is known

LENGTH = 0.7  # share of the time that it will hold its place, by which a call lets others by
_YIELDED = 0.5  # of the longest wait: by no more does any call let others by
_TOKEN_S = 0.03  # that a place is held per token, until it was measured
_KEEP = 0.95  # of what is known, with each new call
_ALIKE = 50.0  # tokens: calls whose lengths differ less say little of what a token takes

# By so much later does a call count as having come: what is not urgent lets others by, for a while.
PATIENCE_S = {ServiceLevel.LATENCY: 0.0, ServiceLevel.QUALITY: 2.0, ServiceLevel.COST: 20.0}


@value
class Hold:
    """How long a call holds its place, by the tokens it is expected to write."""

    call_s: float
    token_s: float

    def of(self, tokens: float) -> float:
        return self.call_s + self.token_s * tokens


class HoldModel:
    """A line through the newest calls that ended well, older ones forgotten.

    Where all calls are of one length, nothing tells what a token takes and what a call does; then a token takes what it
    is taken to take before anything was measured, and the rest is the call's.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._calls = Sums()  # tokens and seconds
        self._calls.add(TYPICAL_TOKENS, TYPICAL_TOKENS * _TOKEN_S)
        self.hold = Hold(0.0, _TOKEN_S)

    def learn(self, tokens: float, held_s: float) -> None:
        self.seen += 1
        calls = self._calls
        calls.fade(_KEEP)
        calls.add(tokens, held_s)
        mean, mean_s = calls.x / calls.weight, calls.y / calls.weight
        variance = max(calls.xx / calls.weight - mean * mean, 0.0)
        together = calls.xy / calls.weight - mean * mean_s
        token_s = (together + _ALIKE**2 * _TOKEN_S) / (variance + _ALIKE**2)
        token_s = min(max(token_s, 0.0), mean_s / mean)
        self.hold = Hold(mean_s - token_s * mean, token_s)


@dataclass(frozen=True, slots=True, order=True)
class Ticket:
    """A call's place in the line. `number` keeps calls of one rank in order of arrival."""

    rank: float
    number: int
    tokens: float
    hold_s: float


def ticket(now: float, number: int, tokens: float | None, patience_s: float, hold: Hold, most_s: float) -> Ticket:
    """`most_s`: that a call may wait, whatever it is."""
    known = TYPICAL_TOKENS if tokens is None else max(tokens, 1.0)
    hold_s = hold.of(known)
    return Ticket(now + min(patience_s + LENGTH * hold_s, _YIELDED * most_s), number, known, hold_s)


def wait_s(line: Sequence[Ticket], own: Ticket, hold: Hold, places: int) -> float:
    """Seconds until `own` is served, if nobody else came. `line` is sorted, every place taken.

    The first place comes free after a share of a typical call, then the others at the rate of all places together.
    """
    before_s = sum(other.hold_s for other in line[: bisect_left(line, own)])
    return (before_s + hold.of(TYPICAL_TOKENS)) / places
