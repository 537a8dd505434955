"""Whether the agent's event loop stays free: how soon a running agent says it is well while it reads long prompts."""

import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import httpx2

from edge_agent.bench import texts
from edge_agent.bench.bars import Bar
from edge_agent.bench.crew import Crew
from edge_agent.bench.program import serving
from edge_agent.bench.scale import Scale, Tick

READERS = 4  # prompts on their way at any moment
PAUSE_S = 0.02
WITHIN_S = 0.05
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Health:
    """Seconds to an answer on /health, of which `read` prompts were read meanwhile."""

    median_s: float
    slow_s: float  # 99 of 100 are faster
    read: int
    waits_s: tuple[float, ...] = field(repr=False)

    @property
    def bars(self) -> list[Bar]:
        remark = f"median {self.median_s:.3g}, of {len(self.waits_s)}, {self.read} prompts read meanwhile"
        return [Bar("seconds to /health while prompts are read, 99th of 100", self.slow_s, WITHIN_S, remark=remark)]


def measure(crew: Crew, scale: Scale, tick: Tick) -> Health:
    tick("starting an agent", 0.0)
    draw = random.Random()  # noqa: S311 (unlike any run before)
    done = Event()
    with serving(crew.setup) as url, ThreadPoolExecutor(READERS) as readers:
        counts = [readers.submit(_read, url, draw.randrange(1 << 30), done) for _ in range(READERS)]
        waits: list[float] = []
        try:
            with httpx2.Client(timeout=PATIENCE_S) as client:
                for number in range(scale.looks):
                    tick(f"{number} of {scale.looks} looks", number / scale.looks)
                    began = time.perf_counter()
                    client.get(f"{url}/health").raise_for_status()
                    waits.append(time.perf_counter() - began)
                    time.sleep(PAUSE_S)
        finally:
            done.set()
        read = sum(count.result() for count in counts)
    slow = sorted(waits)[min(len(waits) - 1, round(0.99 * len(waits)))]
    return Health(statistics.median(waits), slow, read, tuple(waits))


def _read(url: str, seed: int, done: Event) -> int:
    """Ask for one token after a long prompt, again and again."""
    draw = random.Random(seed)  # noqa: S311 (prompts, no secrets)
    count = 0
    with httpx2.Client(timeout=PATIENCE_S) as client:
        while not done.is_set():
            ask = texts.points(1, 1, texts.mark(draw), topic=count)[0]
            body = {"model": "bench", "messages": list(ask.messages), "max_tokens": 1, "temperature": 0}
            client.post(f"{url}/v1/chat/completions", json=body).raise_for_status()
            count += 1
    return count
