"""Intervals without an assumption about the distribution: the percentile bootstrap (Efron, 1979)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

RESAMPLES = 4_000
SEED = 13


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval. `of`: from how many values."""

    value: float
    low: float
    high: float
    of: int

    def as_data(self) -> dict[str, Any]:
        return {
            "value": round(self.value, 4),
            "interval_95": [round(self.low, 4), round(self.high, 4)],
            "of": self.of,
        }


def estimate(values: Sequence[float], figure: Callable[[Sequence[float]], float] = fmean) -> Estimate:
    """`figure` of the values; the interval from values drawn again with replacement, always by the same draws.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    draw = random.Random(SEED)  # noqa: S311 (nothing secret)
    figures = sorted(figure(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = figures[int(0.025 * RESAMPLES)], figures[int(0.975 * RESAMPLES) - 1]
    return Estimate(figure(values), low, high, len(values))
