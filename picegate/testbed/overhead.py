"""What the gateway adds to a call of the cloud: the same streamed request direct and through it, turn by turn."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx2

FIRST_TOKEN_BAR_MS = 5.0  # median added time to the first token
CHUNK_BAR_MS = 1.0  # median added time per chunk of one stream
MS = 1000.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Timed:
    """One streamed answer, seconds: to its first text, and per chunk from the second to the last."""

    first_s: float
    per_chunk_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over all pairs, in milliseconds."""

    median: float
    p10: float
    p90: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        cuts = statistics.quantiles(seconds, n=10, method="inclusive")
        return cls(*(round(value * MS, 4) for value in (statistics.median(seconds), cuts[0], cuts[-1])))


@dataclass(frozen=True, slots=True)
class Overhead:
    """What came out. `added_*` are differences within a pair of requests that ran one after the other."""

    pairs: int
    chunks: int
    direct_first: Spread
    gateway_first: Spread
    added_first: Spread
    direct_chunk: Spread
    gateway_chunk: Spread
    added_chunk: Spread
    throughput_ratio: float  # of whole answers a second, gateway / direct, one at a time
    samples: dict[str, list[float]] = field(repr=False)  # first-token times, ms

    @property
    def bars(self) -> list[tuple[str, float, float, bool]]:
        """(name, figure, bar, met) of each bar."""
        first, chunk = self.added_first.median, self.added_chunk.median
        return [
            ("median added time to first token, ms", first, FIRST_TOKEN_BAR_MS, first <= FIRST_TOKEN_BAR_MS),
            ("median added time per chunk, ms", chunk, CHUNK_BAR_MS, chunk <= CHUNK_BAR_MS),
        ]

    def as_data(self) -> dict[str, Any]:
        bars = [{"name": name, "figure": figure, "bar": bar, "met": met} for name, figure, bar, met in self.bars]
        return {**asdict(self), "unit": "ms", "bars": bars}


def measure(direct: str, gateway: str, *, pairs: int, chunks: int, budget_s: float, progress: Progress) -> Overhead:
    """Ask `pairs` times on each side, or as often as `budget_s` allows. Which side goes first alternates.

    Both URLs end in /v1 and lead to the same cloud, whose answers have `chunks` chunks.
    """
    warm_up = min(10, pairs)
    kept: dict[str, list[Timed]] = {"direct": [], "gateway": []}
    sides = {"direct": (direct, "cloud-model"), "gateway": (gateway, "pice-cloud")}
    with httpx2.Client(timeout=30.0) as client:
        started = time.monotonic()
        for number in range(-warm_up, pairs):
            order = ("direct", "gateway") if number % 2 else ("gateway", "direct")
            for side in order:
                seen = _ask(client, *sides[side])
                if number >= 0:
                    kept[side].append(seen)
            progress(max(0, number + 1), pairs)
            if number >= 10 and time.monotonic() - started > budget_s:
                break
    return _compare(kept["direct"], kept["gateway"], chunks)


def _ask(client: httpx2.Client, url: str, model: str) -> Timed:
    body = {
        "model": model,
        "stream": True,
        "messages": [{"role": "user", "content": "How does a bicycle stay upright?"}],
    }
    started = time.perf_counter()
    first = second = last = 0.0
    texts = 0
    with client.stream("POST", f"{url}/chat/completions", json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            choices = json.loads(line[6:]).get("choices")
            if choices and choices[0]["delta"].get("content"):
                last = time.perf_counter()
                first, second = first or last, second or (last if first else 0.0)
                texts += 1
    if texts < 3:
        raise RuntimeError(f"{url} streamed {texts} chunks of text")
    return Timed(first - started, (last - second) / (texts - 2), time.perf_counter() - started)


def _compare(direct: list[Timed], gateway: list[Timed], chunks: int) -> Overhead:
    pairs = list(zip(direct, gateway, strict=True))
    return Overhead(
        pairs=len(pairs),
        chunks=chunks,
        direct_first=Spread.of([d.first_s for d in direct]),
        gateway_first=Spread.of([g.first_s for g in gateway]),
        added_first=Spread.of([g.first_s - d.first_s for d, g in pairs]),
        direct_chunk=Spread.of([d.per_chunk_s for d in direct]),
        gateway_chunk=Spread.of([g.per_chunk_s for g in gateway]),
        added_chunk=Spread.of([g.per_chunk_s - d.per_chunk_s for d, g in pairs]),
        throughput_ratio=round(sum(d.total_s for d in direct) / sum(g.total_s for g in gateway), 4),
        samples={
            "direct": [round(d.first_s * MS, 3) for d in direct],
            "gateway": [round(g.first_s * MS, 3) for g in gateway],
        },
    )
