"""How many legs a stretch of the answer is worth.

Long points are cut while slots are free; short neighbours share a leg while they wait for a slot.

Both are decided by the predicted finish, and both change the work of the fleet by one leg's beginning (its prompt is
read once more, or once less), which is priced as everything else is: in seconds that others are delayed by.
"""

from picegate.core.value import value
from picegate.planning.placement import TYPICAL_TOKENS, Leg
from picegate.planning.prices import Market
from picegate.planning.schedule import Reading, schedule
from picegate.planning.survey import Survey

LEAST_PART_WORDS = 50  # of a cut point; a typical passage has 60
MOST_PARTS = 4
MOST_SHARED_WORDS = 80  # of points in one leg: small models drop facts from longer notes
MOST_SHARED_NOTES = 400  # characters
PART_S = 0.5  # what a further part must save, since a thread that breaks reads worse (assumed)


@value
class Moment:
    """What one such decision looks at.

    Attributes:
        free: slots that nobody has, less the points of this request that have none yet.
        begin_s: until a node that is reached now writes; nearly nothing of the prompt is read where it was warmed.
        rest_s: until all else of the answer is expected to be there: the sketch, and passages being written.
        price_weight: as in `options.Weights.prices`.
    """

    fleet: Survey
    market: Market
    free: int
    prompt_tokens: float
    warmed: bool = False
    rest_s: float = 0.0
    price_weight: float = 1.5

    @property
    def begin_s(self) -> float:
        pace = self.fleet.pace
        return pace.first_s if self.warmed else pace.begin_s(self.prompt_tokens)

    @property
    def leg_price_s(self) -> float:
        """Seconds that others are delayed by one leg's beginning: in that time its node would have written tokens."""
        seen = self.fleet
        tokens = self.begin_s * seen.tokens_per_s / seen.fitting if seen.fitting else 0.0
        return self.price_weight * self.market.edge_price * tokens


@value
class Size:
    """What was decided, and by which figures.

    Attributes:
        legs: to write with.
        gain_s: by so much earlier would the answer end than with the other number of legs; negative: later.
        price_s: what others are delayed by for that; negative: spared.
        why: a code.
    """

    legs: int
    gain_s: float
    price_s: float
    why: str


def parts(tokens: float, words: int, separable: int, at: Moment) -> Size:
    """Into how many parts a point of `tokens` (`words`) is cut, which has notes for at most `separable`."""
    most = min(separable, words // LEAST_PART_WORDS, MOST_PARTS)
    if most < 2:
        return Size(1, 0.0, 0.0, "short" if separable > 1 else "inseparable")
    if at.free < 2:
        return Size(1, 0.0, 0.0, "no_slots")
    alone_s = _end_s(tokens, 1, at)
    best = Size(1, 0.0, 0.0, "no_gain")
    for count in range(2, min(most, at.free) + 1):
        gain_s = alone_s - _end_s(tokens, count, at)
        price_s = (count - 1) * (PART_S + at.leg_price_s)
        if gain_s - price_s > best.gain_s - best.price_s:
            best = Size(count, gain_s, price_s, "sooner")
    return best


def shared(first: float, second: float, at: Moment) -> Size:
    """Whether a point that has just come is written with the one before it, which still waits for a slot.

    Args:
        first, second: tokens that they take.
    """
    if at.free > 0 or not at.fleet.slots:
        return Size(2, 0.0, 0.0, "slots_free")
    token_s, begin_s = at.fleet.pace.token_s(at.fleet.full_batch), at.begin_s
    # Counted from the moment when the first gets its slot. The next comes free a share of a leg's time later.
    next_s = (begin_s + TYPICAL_TOKENS * token_s) / at.fleet.slots
    apart_s = begin_s + max(first * token_s, next_s + second * token_s)
    together_s = begin_s + (first + second) * token_s
    gain_s = apart_s - together_s
    if gain_s + at.leg_price_s > 0:
        return Size(1, gain_s, -at.leg_price_s, "slots_scarce")
    return Size(2, -gain_s, at.leg_price_s, "sooner")


def _end_s(tokens: float, count: int, at: Moment) -> float:
    """When the answer would end, with a passage begun now in so many legs."""
    legs = [Leg(tokens / count, at.prompt_tokens)] * count
    reading = Reading.DONE if at.warmed else Reading.LATE
    return max(at.rest_s, *schedule(at.fleet, legs, [0.0] * count, at.market.edge_wait_s, reading).done)
