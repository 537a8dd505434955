"""How far decode is from what the machine could do: its memory's bandwidth, and its arithmetic."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from edge_agent.bench import texts
from edge_agent.bench.ask import Run
from edge_agent.bench.bars import Bar
from edge_agent.bench.crew import Crew
from edge_agent.bench.scale import Scale, Tick

COPY_BYTES = 256 << 20
MATRIX = 1536
TRIES = 5


@dataclass(frozen=True, slots=True)
class Bound:
    """Attributes:
    bandwidth: bytes a second read and written while copying on `threads` threads, the best of some tries.
    flops: of a product of float32 matrices, likewise. Integer products of quantised weights may pass it.
    one, many: tokens a second decoded with one stream, and with `streams` together.
    bandwidth_one, bandwidth_many: share of the bandwidth that reading the weights takes.
    flops_many: share of the arithmetic, two operations per parameter and token.
    """

    bandwidth: float
    flops: float
    streams: int
    one: float
    many: float
    bandwidth_one: float
    bandwidth_many: float
    flops_many: float

    @property
    def bars(self) -> list[Bar]:
        return []


def measure(crew: Crew, scale: Scale, tick: Tick) -> Bound:
    tick("memory bandwidth", 0.0)
    bandwidth = _bandwidth(crew.setup.threads)
    tick("arithmetic", 0.2)
    flops = _flops()
    draw = random.Random()  # noqa: S311 (unlike any run before)
    tick("one stream", 0.4)
    one = decoded(crew.engine.run(texts.points(1, scale.tokens, texts.mark(draw))))
    streams = scale.counts[-1]
    tick(f"{streams} streams", 0.6)
    many = decoded(crew.engine.run(texts.points(streams, scale.tokens, texts.mark(draw))))
    facts = crew.reference.ask("facts")
    weights = crew.engine.ask("model_bytes")
    return Bound(
        bandwidth=bandwidth,
        flops=flops,
        streams=streams,
        one=one,
        many=many,
        bandwidth_one=one * weights / bandwidth,
        bandwidth_many=many / streams * weights / bandwidth,
        flops_many=many * 2 * facts.parameters / flops,
    )


def decoded(run: Run) -> float:
    """Tokens a second between the first token of all and the last."""
    begun = min(answer.first_s for answer in run.answers)
    ended = max(answer.last_s for answer in run.answers)
    return sum(answer.tokens - 1 for answer in run.answers) / max(ended - begun, 1e-9)


def _bandwidth(threads: int) -> float:
    source = np.ones(COPY_BYTES // 8)
    target = np.empty_like(source)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(TRIES):
            started = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), parts))
            best = max(best, 2 * COPY_BYTES / (time.perf_counter() - started))
    return best


def _flops() -> float:
    a = np.ones((MATRIX, MATRIX), dtype=np.float32)
    best = 0.0
    for _ in range(TRIES):
        started = time.perf_counter()
        a @ a
        best = max(best, 2 * MATRIX**3 / (time.perf_counter() - started))
    return best
