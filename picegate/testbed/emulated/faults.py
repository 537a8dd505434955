"""Faults that an emulated upstream shows, drawn from a seed."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Fate = Literal["well", "refuse", "die", "stall"]


@dataclass(frozen=True, slots=True)
class Faults:
    """Attributes:
    refuse, die, stall: shares of calls that are refused with 503, cut in mid-stream, or fall silent in mid-stream.
    slowness: every step takes this many times as long.
    """

    refuse: float = 0.0
    die: float = 0.0
    stall: float = 0.0
    slowness: float = 1.0

    def fate(self, rng: Random) -> Fate:
        """How one call goes."""
        draw = rng.random()
        if draw < self.refuse:
            return "refuse"
        if draw < self.refuse + self.die:
            return "die"
        return "stall" if draw < self.refuse + self.die + self.stall else "well"


NO_FAULTS = Faults()
