"""Requests that come when they come: a Poisson stream over a few conversations, faster than either side can serve."""

import random
import statistics
from dataclasses import dataclass, field

from edge_agent.bench import texts
from edge_agent.bench.ask import Run
from edge_agent.bench.bars import Bar
from edge_agent.bench.crew import Crew
from edge_agent.bench.scale import Scale, Tick

SEED = 20_261_123
PREFIXES = 4
SHORTEST = 20
THROUGHPUT_BAR = 1.5
FIRST_BAR = 1.0


@dataclass(frozen=True, slots=True)
class Stream:
    """One side: tokens a second, seconds. `first_s`: of every request, in order of arrival."""

    rate: float
    total_s: float
    tokens: int
    cached_tokens: int
    median_first_s: float
    first_s: tuple[float, ...] = field(repr=False)

    @classmethod
    def of(cls, run: Run) -> "Stream":
        firsts = tuple(round(answer.first_s, 4) for answer in run.answers)
        cached = sum(answer.cached for answer in run.answers)
        return cls(run.rate, run.total_s, run.tokens, cached, statistics.median(firsts), firsts)


@dataclass(frozen=True, slots=True)
class Mixed:
    requests: int
    offered_rate: float
    engine: Stream
    as_packed: Stream
    server: Stream

    @property
    def bars(self) -> list[Bar]:
        faster = self.engine.rate / self.server.rate
        sooner = self.engine.median_first_s / self.server.median_first_s
        packed = self.as_packed
        return [
            Bar(
                "mixed arrivals: throughput over llama-server's",
                faster,
                THROUGHPUT_BAR,
                at_least=True,
                remark=f"weights as packed {packed.rate / self.server.rate:.3g}",
            ),
            Bar(
                "mixed arrivals: median time to first token over llama-server's",
                sooner,
                FIRST_BAR,
                remark=f"weights as packed {packed.median_first_s / self.server.median_first_s:.3g}",
            ),
        ]


def measure(crew: Crew, scale: Scale, tick: Tick) -> Mixed:
    asks = texts.arrivals(SEED, scale.arrivals, scale.gap_s, PREFIXES, SHORTEST, scale.longest)
    mark = texts.mark(random.Random())  # noqa: S311 (unlike any run before)
    asks = texts.spaced(asks, mark)
    tick(f"{len(asks)} requests to the engine", 0.0)
    ours = crew.engine.run(asks)
    tick(f"{len(asks)} requests to the engine, weights as packed", 0.2)
    packed = crew.as_packed.run(asks)
    tick(f"{len(asks)} requests to llama-server", 0.5)
    theirs = crew.server.run(asks)
    offered = sum(ask.max_tokens for ask in asks) / asks[-1].at_s
    return Mixed(len(asks), offered, Stream.of(ours), Stream.of(packed), Stream.of(theirs))
