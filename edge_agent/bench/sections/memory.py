"""What the engine keeps resident beside the model and its key-value cells, and whether that grows."""

import random
from dataclasses import dataclass, field

from edge_agent.bench import texts
from edge_agent.bench.bars import Bar
from edge_agent.bench.crew import Crew
from edge_agent.bench.scale import Scale, Tick

TOKENS = 4  # of each answer
AT_ONCE = 16
SETTLED = 0.25  # of the requests are over before growth counts
BEYOND_BAR_MB = 150.0
GROWTH_BAR_MB = 16.0
MB = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (10^6 bytes). `kv_told`: the engine says how large its cells are, else they are reckoned from slots."""

    requests: int
    resident: float
    model: float
    kv: float
    kv_told: bool
    growth: float
    samples: tuple[float, ...] = field(repr=False)

    @property
    def bars(self) -> list[Bar]:
        beyond = self.resident - self.model - self.kv
        told = "" if self.kv_told else "cells reckoned as slots x context"
        return [
            Bar("resident memory beyond model and cells, MB", beyond, BEYOND_BAR_MB, remark=told),
            Bar(f"its growth over {self.requests} requests, MB", self.growth, GROWTH_BAR_MB),
        ]


def measure(crew: Crew, scale: Scale, tick: Tick) -> Memory:
    engine = crew.engine
    draw = random.Random()  # noqa: S311 (unlike any run before)
    asks = texts.questions(scale.requests, TOKENS, None)
    samples: list[float] = []
    for start in range(0, len(asks), AT_ONCE):
        tick(f"{start} of {len(asks)} short requests", start / len(asks))
        seen = engine.run(texts.spaced(asks[start : start + AT_ONCE], texts.mark(draw)))
        samples.append(seen.resident / MB)
    told = engine.ask("kv_bytes")
    kv = _reckoned(crew) if told is None else told
    growth = samples[-1] - samples[int(len(samples) * SETTLED)]
    model = engine.ask("model_bytes")
    return Memory(len(asks), samples[-1], model / MB, kv / MB, told is not None, growth, tuple(samples))


def _reckoned(crew: Crew) -> int:
    """Bytes of the cells of an engine that does not tell: slots x context, by what the model is."""
    cells = int(crew.engine.ask("slots")) * crew.setup.context_tokens
    return cells * int(crew.reference.ask("facts").cell_bytes)
