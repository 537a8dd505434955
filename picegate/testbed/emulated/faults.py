"""Faults that an emulated upstream shows, drawn from a seed."""

from dataclasses import dataclass
from random import Random
from typing import Literal

Fate = Literal["well", "refuse", "die", "stall", "mute"]


@dataclass(frozen=True, slots=True)
class Faults:
    """Attributes:
    refuse, die, stall, mute: shares of calls that are refused with 503, cut in mid-stream, fall silent in mid-stream,
        or never say a word.
    slowness: every step takes this many times as long.
    """

    refuse: float = 0.0
    die: float = 0.0
    stall: float = 0.0
    mute: float = 0.0
    slowness: float = 1.0

    def fate(self, rng: Random) -> Fate:
        """How one call goes."""
        draw = rng.random()
        shares: tuple[tuple[Fate, float], ...] = (
            ("refuse", self.refuse),
            ("die", self.die),
            ("stall", self.stall),
            ("mute", self.mute),
        )
        for fate, share in shares:
            if draw < share:
                return fate
            draw -= share
        return "well"


NO_FAULTS = Faults()
