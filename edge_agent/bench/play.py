"""Play a schedule to a backend and see what comes when."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.bench.ask import Answer, Ask, Run, Work
from edge_agent.bench.peers.backend import Backend


async def play(backend: Backend, asks: Sequence[Ask], *, primed: bool = False) -> Run:
    """Every ask at its time. With `primed`, the shared prefix is primed first, with the clock running."""
    await backend.prepare(asks)
    before = backend.work()
    started = time.perf_counter()
    if primed:
        await backend.prime(asks)

    async def one(index: int, ask: Ask) -> Answer:
        arrives = started + ask.at_s
        await asyncio.sleep(max(0.0, arrives - time.perf_counter()))
        answer = await backend.answer(ask, arrives, index if primed else None)
        return replace(answer, end_s=arrives + answer.last_s - started)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(index, ask)) for index, ask in enumerate(asks)]
    answers = tuple(task.result() for task in tasks)
    total_s = max(answer.end_s for answer in answers)
    return Run(answers, total_s, backend.resident(), _between(before, backend.work()))


def _between(before: Work | None, after: Work | None) -> Work | None:
    if before is None or after is None:
        return None
    return Work(after.steps - before.steps, after.step_s - before.step_s, after.python_s - before.python_s)
