"""How much is measured."""

from collections.abc import Callable
from dataclasses import dataclass

Tick = Callable[[str, float], None]  # what runs now, and the share of the section that is done


@dataclass(frozen=True, slots=True)
class Scale:
    """Defaults: a whole run, some eight minutes on two cores.

    Attributes:
        rounds: of the points, as far as `points_s` seconds allow.
        counts: points at once; all of them in the first round, afterwards the first and the last.
        tokens: of each point's answer.
        arrivals: requests of the mixed stream; `gap_s` between two on average; `longest` answer, tokens.
        looks: at an agent's health.
        requests: short ones for the memory.
        prompts: for the fidelity.
    """

    rounds: int = 3
    points_s: float = 200.0
    counts: tuple[int, ...] = (1, 2, 4, 8)
    tokens: int = 64
    arrivals: int = 40
    gap_s: float = 0.35
    longest: int = 200
    looks: int = 300
    requests: int = 600
    prompts: int = 50


QUICK = Scale(rounds=1, counts=(1, 8), tokens=16, arrivals=8, longest=40, looks=50, requests=48, prompts=8)
