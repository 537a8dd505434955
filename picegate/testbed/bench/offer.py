"""A load, offered: every question is asked when it is due, whatever became of those before."""

import asyncio
from dataclasses import dataclass
from math import isfinite
from urllib.parse import urlsplit

from picegate.testbed.bench.arrivals import Pattern, arrivals, order
from picegate.testbed.bench.policies import Policy
from picegate.testbed.bench.reader import Heard, read_answer
from picegate.testbed.bench.workload import Workload

WAIT_S = 240.0  # after the last arrival; what has not ended by then has failed
WARM_UP = 0.2  # share of the time, the first, in which the system fills: no figure counts it


@dataclass(frozen=True, slots=True)
class Load:
    """Questions at a mean rate for so many seconds, the warming-up included.

    Raises:
        ValueError: a rate or time that is not positive and finite.
    """

    per_minute: float
    seconds: float
    pattern: Pattern = "poisson"
    seed: int = 1

    def __post_init__(self) -> None:
        if not all(isfinite(value) and value > 0 for value in (self.per_minute, self.seconds)):
            raise ValueError(f"{self.per_minute:g} requests per minute for {self.seconds:g} s cannot be offered")

    @property
    def requests(self) -> int:
        return max(1, round(self.per_minute * self.seconds / 60.0))

    @property
    def warm_up_s(self) -> float:
        return self.seconds * WARM_UP


async def offer(root: str, policy: Policy, workload: Workload, load: Load) -> list[Heard]:
    """Ask as `policy` says at the gateway `root`, and read all answers; they come in the order of their arrivals."""
    parts = urlsplit(root)
    host, port = str(parts.hostname), int(parts.port or 80)
    loop = asyncio.get_running_loop()
    moments = arrivals(load.requests, load.per_minute, load.pattern, load.seed)
    chosen = order(len(workload.questions), load.requests, load.seed)
    began = loop.time()
    heard = [Heard(began + at, workload.questions[index].id) for at, index in zip(moments, chosen, strict=True)]

    async def ask(one: Heard, index: int) -> None:
        await asyncio.sleep(max(0.0, one.due - loop.time()))
        question = workload.questions[index]
        turns = [{"role": role, "content": text} for role, text in question.history]
        body = {
            **policy.body,
            "model": policy.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [*turns, {"role": "user", "content": question.asked}],
        }
        try:
            async with asyncio.timeout_at(began + moments[-1] + WAIT_S):
                await read_answer(host, port, body, one)
        except TimeoutError:
            one.error = "not ended in time"

    async with asyncio.TaskGroup() as group:
        for one, index in zip(heard, chosen, strict=True):
            group.create_task(ask(one, index))
    return heard
