"""When questions come: moments in seconds from the start. Drawn once at rate 1 and stretched, so that two loads differ
in nothing else."""

from collections.abc import Sequence
from random import Random
from typing import Literal

Pattern = Literal["poisson", "bursty"]
BURST = 4.0  # mean questions of a burst


def unit_arrivals(count: int, pattern: Pattern, seed: int) -> list[float]:
    """`count` moments at a mean rate of 1 a second, beginning at 0.

    poisson: independent questions. bursty: bursts come at random, 4 questions each on average (geometric), 50 ms apart.
    """
    rng = Random(f"arrivals/{seed}")  # noqa: S311 (an experiment's own chance)
    moments: list[float] = []
    now = 0.0
    while len(moments) < count:
        if pattern == "poisson":
            moments.append(now)
            now += rng.expovariate(1.0)
            continue
        size = 1
        while rng.random() < 1 - 1 / BURST:
            size += 1
        moments.extend(now + 0.05 * number for number in range(size))
        now += rng.expovariate(1.0 / BURST)
    return sorted(moments[:count])


def arrivals(count: int, per_minute: float, pattern: Pattern, seed: int) -> list[float]:
    """Moments at a mean rate of `per_minute`.

    Raises:
        ValueError: a rate that is not positive.
    """
    if per_minute <= 0:
        raise ValueError(f"a load of {per_minute:g} requests per minute cannot be offered")
    return [moment * 60.0 / per_minute for moment in unit_arrivals(count, pattern, seed)]


def order(questions: int, count: int, seed: int) -> Sequence[int]:
    """Which questions are asked, in turn: every one once in a random order, then again in another, `count` in all."""
    rng = Random(f"order/{seed}")  # noqa: S311 (an experiment's own chance)
    chosen: list[int] = []
    while len(chosen) < count:
        chosen.extend(rng.sample(range(questions), questions))
    return chosen[:count]
