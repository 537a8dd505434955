"""How fast a server answers, learned from the legs it has written: a line for each of reading and writing.

Old legs fade with time, so the lines follow a server that changes, and a silent one is known less and less. Where
nothing was seen yet, a server's own speed curve stands in, and without one a guess of its class.
"""

from dataclasses import dataclass, field
from math import exp, sqrt

from picegate.core.curve import SpeedCurve
from picegate.core.plan import Pace
from picegate.planning.sums import Sums

MEMORY_S = 300.0  # after so long, a leg weighs 1/e
_TOKENS_PER_LEG = 60.0  # a leg of so many tokens has the weight 1
FEWEST_TOKENS = 4  # a speed measured on fewer says nothing
_FULL_BATCH = 8.0  # where a guessed line has its second point
_GUESS = 0.5  # weight of each of a guess's two points
_TOLD = 2.0  # likewise where the server told them
_LEVEL = 0.25  # weight of their level, told or not, against what was seen: only their shape is believed for long
_FIRST_S = 0.3  # standard deviation of a time to the first token
_QUEUE_S = 1.0  # likewise of what is guessed of it for an empty prompt: nobody knows how long others keep a server busy
_READ_GUESS = 3.0  # likewise of a guessed speed of reading, as a share of it
_READ_TOLD = 0.3  # likewise of one that the server told
_DOUBT = 0.3  # relative error of one leg, to begin with

# Guesses where nobody said anything: a 7B model on an embedded GPU, a 70B one in a data centre.
_UNSEEN = _DOUBT / sqrt(_GUESS)
EDGE_GUESS = Pace(first_s=0.1, prefill_s=1 / 900, step_s=0.04, slope_s=0.003, doubt=_UNSEEN)
CLOUD_GUESS = Pace(first_s=0.3, prefill_s=1 / 3000, step_s=0.028, slope_s=0.001, doubt=_UNSEEN)


@dataclass(slots=True)
class _Line:
    """Weighted least squares of `y = at_low + slope (x - low)` through two points of a prior and what was seen.

    What was seen fades; the prior does not.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    trust: float
    seen: Sums = field(default_factory=Sums)

    def fit(self) -> tuple[float, float]:
        """Height at `low`'s x, and slope; neither is negative."""
        (x1, y1), (x2, y2), t, seen = self.low, self.high, self.trust, self.seen
        # The prior is about the line's shape: it is stretched to the level that was seen.
        if seen.weight:
            mean_x, mean_y = seen.x / seen.weight, seen.y / seen.weight
            expected = y1 + (y2 - y1) * (mean_x - x1) / (x2 - x1)
            stretch = (_LEVEL + seen.weight * mean_y / max(expected, 1e-9)) / (_LEVEL + seen.weight)
            y1, y2 = y1 * stretch, y2 * stretch
        weight = seen.weight + 2 * t
        x = seen.x + t * (x1 + x2)
        y = seen.y + t * (y1 + y2)
        xx = seen.xx + t * (x1 * x1 + x2 * x2)
        xy = seen.xy + t * (x1 * y1 + x2 * y2)
        slope = max((weight * xy - x * y) / (weight * xx - x * x), 0.0)
        return max(y / weight + slope * (x1 - x / weight), 1e-6), slope


@dataclass(slots=True)
class _First:
    """Times to the first token, `y = first_s + prefill_s x` after a prompt of `x` tokens, with a normal prior of each.

    Bayesian linear regression: a late first token of a short prompt speaks of a queue, one of a long prompt of reading.
    """

    first_s: float
    prefill_s: float
    doubt: float  # standard deviation of `prefill_s`, as a share of it
    seen: Sums = field(default_factory=Sums)

    def fit(self) -> tuple[float, float]:
        """Both; neither is negative."""
        seen = self.seen
        sure, sure_of_slope = (_FIRST_S / _QUEUE_S) ** 2, (_FIRST_S / (self.doubt * self.prefill_s)) ** 2
        a, b, c = seen.weight + sure, seen.x, seen.xx + sure_of_slope
        y, xy = seen.y + sure * self.first_s, seen.xy + sure_of_slope * self.prefill_s
        first_s, prefill_s = (y * c - xy * b) / (a * c - b * b), (xy * a - y * b) / (a * c - b * b)
        if first_s < 0:
            return 0.0, max(xy / c, 0.0)
        return (first_s, prefill_s) if prefill_s >= 0 else (max(y / a, 0.0), 0.0)


class PaceModel:
    """Of one server. `now` is monotonic seconds in every method."""

    def __init__(self, guess: Pace, curve: SpeedCurve | None = None, now: float = 0.0) -> None:
        told = _TOLD if curve is not None and curve.decode else _GUESS
        start = guess if curve is None else _told(guess, curve)
        self._decode = _Line((1.0, start.step_s), (_FULL_BATCH, start.token_s(_FULL_BATCH)), told)
        told_reading = curve is not None and curve.prefill is not None
        self._first = _First(start.first_s, start.prefill_s, _READ_TOLD if told_reading else _READ_GUESS)
        self._noise = _DOUBT**2
        self._at = now

    def learn(
        self,
        now: float,
        *,
        batch: float,
        tokens: int,
        decode_s: float,
        first_token_s: float | None = None,
        prompt_tokens: int = 0,
    ) -> None:
        """One leg has ended.

        Args:
            batch: sequences decoded at the same time, itself among them; the mean over the leg.
            decode_s: from the first token to the last.
            first_token_s: from the moment the server was asked.
            prompt_tokens: read for it, those found in a cache not counted.
        """
        self._fade(now)
        if first_token_s is not None and first_token_s >= 0:
            self._first.seen.add(float(prompt_tokens), first_token_s)
        if tokens < FEWEST_TOKENS or decode_s <= 0:
            return
        step_s = decode_s / (tokens - 1)
        height, slope = self._decode.fit()
        expected = height + slope * (max(batch, 1.0) - 1.0)
        weight = min(tokens / _TOKENS_PER_LEG, 4.0)
        off = min(abs(step_s / expected - 1.0), 1.0)
        self._noise += 0.1 * (off**2 - self._noise)
        self._decode.seen.add(max(batch, 1.0), step_s, weight)

    def pace(self, now: float) -> Pace:
        self._fade(now)
        step_s, slope_s = self._decode.fit()
        first_s, prefill_s = self._first.fit()
        known = self._decode.seen.weight + self._decode.trust
        return Pace(first_s, prefill_s, step_s, slope_s, doubt=sqrt(self._noise / known))

    def _fade(self, now: float) -> None:
        if now > self._at:
            share = exp((self._at - now) / MEMORY_S)
            self._decode.seen.fade(share)
            self._first.seen.fade(share)
            self._at = now


def _told(guess: Pace, curve: SpeedCurve) -> Pace:
    """The line through a curve's ends; a single point gets the guess's shape."""
    points = [(float(rate.sequences), rate.sequences / rate.tokens_per_s) for rate in curve.decode]
    step_s, slope_s = guess.step_s, guess.slope_s
    if points:
        (low, low_s), (high, high_s) = points[0], points[-1]
        if high > low:
            slope_s = max((high_s - low_s) / (high - low), 0.0)
        else:
            slope_s = low_s * guess.slope_s / guess.token_s(low)
        step_s = max(low_s - slope_s * (low - 1.0), 1e-6)
    rate = curve.prefill and curve.prefill.tokens_per_s
    return Pace(guess.first_s, 1.0 / rate if rate else guess.prefill_s, step_s, slope_s)
