"""A step that fails or hangs costs the answers in it, and nothing else. The backend is scripted, the thread is real."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from edge_agent.engine.backend import DecodeFailed
from edge_agent.engine.batch import Batch, Sampled
from edge_agent.engine.batching import BatchingEngine
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Job, WireMessage
from edge_agent.engine.scheduler import Limits
from edge_agent.errors import BadRequest, EngineFailed
from tests.agent.conftest import wait_for
from tests.agent.engine.memory import Memory

OPTIONS = EngineOptions(model=Path("none"), name="scripted", context_tokens=100, slots=2)


class Nothing:
    pointer = None

    def close(self) -> None:
        pass


class Scripted(Memory):
    """Fails on the token 66 (`B`), hangs on the token 72 (`H`) until `release` is set. A character is a token."""

    name = "scripted"
    cell_bytes = 1
    native_s = 0.0

    def __init__(self, release: threading.Event) -> None:
        super().__init__(Limits(slots=2, cells=200, chunk=16, chunk_alone=32, ids=8, kept=200))
        self._release = release

    def render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        return "".join(str(message["content"]) for message in messages)

    def tokenize(self, prompt: str) -> list[int]:
        return list(prompt.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token])

    text = piece

    def sampler(self, job: Job) -> Nothing:
        return Nothing()

    def decode(self, batch: Batch) -> list[Sampled]:
        sampled = super().decode(batch)
        read = [token for run in batch.runs if run.start == 0 for token in run.tokens]
        if ord("B") in read:
            raise DecodeFailed("scripted")
        if ord("H") in read:
            self._release.wait()
        return sampled

    def close(self) -> None:
        self.held.clear()


def ask(text: str, **wishes: Any) -> Job:
    return Job(({"role": "user", "content": text},), max_tokens=3, **wishes)


async def answer(engine: BatchingEngine, job: Job) -> int:
    async with engine.generate(job) as pieces:
        counts = [piece.counts async for piece in pieces][-1]
    assert counts is not None
    return counts.completion


async def test_a_step_that_fails_fails_its_answers_and_the_next_ones_are_written() -> None:
    engine = BatchingEngine(OPTIONS, lambda _: Scripted(threading.Event()), name="scripted")
    await engine.load()
    with pytest.raises(EngineFailed, match="scripted"):
        await answer(engine, ask("Break"))
    assert await answer(engine, ask("good")) == 3
    await engine.close()


async def test_a_step_that_hangs_is_noticed_and_the_engine_loaded_afresh() -> None:
    release = threading.Event()
    opened: list[Scripted] = []

    def open_backend(_: EngineOptions) -> Scripted:
        opened.append(Scripted(release))
        return opened[-1]

    engine = BatchingEngine(OPTIONS, open_backend, name="scripted", hung_s=0.05)
    await engine.load()
    with pytest.raises(EngineFailed, match="hung"), anyio.fail_after(10):
        await answer(engine, ask("Hang"))
    assert len(opened) == 2
    assert await answer(engine, ask("good")) == 3
    release.set()
    await engine.close()


async def test_an_empty_prompt_and_a_seed_out_of_range_are_bad_requests() -> None:
    engine = BatchingEngine(OPTIONS, lambda _: Scripted(threading.Event()), name="scripted")
    await engine.load()
    for job, param in ((ask(""), "messages"), (ask("a", seed=2**70), "seed"), (ask("\ud800"), "messages")):
        with pytest.raises(BadRequest) as refused:
            await answer(engine, job)
        assert refused.value.param == param
    assert await answer(engine, ask("good", seed=-1)) == 3
    await engine.close()


async def test_whoever_waits_when_the_engine_is_closed_is_told_so() -> None:
    release = threading.Event()
    engine = BatchingEngine(OPTIONS, lambda _: Scripted(release), name="scripted")
    await engine.load()
    async with anyio.create_task_group() as group, engine.generate(ask("Hang")) as pieces:
        loop = engine.loop
        assert loop is not None
        await anyio.to_thread.run_sync(wait_for, lambda: loop.hung_for() > 0)
        group.start_soon(engine.close)
        # The order to end has come while the step still runs.
        await anyio.to_thread.run_sync(wait_for, lambda: not loop._inbox.empty())
        release.set()
        with pytest.raises(EngineFailed, match="closed"):
            [piece async for piece in pieces]
