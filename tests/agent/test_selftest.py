"""When the agent measures itself, and who comes first."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from edge_agent.desk.desk import Desk
from edge_agent.desk.selftest import FIRST_PAUSE_S, QUIET_S, SelfTest
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job, Piece
from edge_agent.errors import EngineFailed
from tests.agent.engine.test_trial import ticking

REAL = Job(({"role": "user", "content": "Hello"},), max_tokens=3)
ALL = 1 + 1 + (1 + 2 + 4)  # jobs of a whole round with four slots: warm-up, prefill, decodes


class Naps:
    """A sleep that takes no time and remembers. It ends `run` when there have been `most`."""

    def __init__(self, most: int = 1000) -> None:
        self.taken: list[float] = []
        self.enough = anyio.Event()
        self._most = most

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) == self._most:
            self.enough.set()
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()


class Held(FakeEngine):
    """Its job number `hold` (from 1) stops before its first token until it is cancelled."""

    def __init__(self, hold: int, slots: int = 4) -> None:
        super().__init__(slots=slots)
        self._hold = hold

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().generate(job) as pieces:
            if len(self.jobs) >= self._hold and job is self.jobs[self._hold - 1]:
                await anyio.sleep_forever()
            yield pieces


class Broken(FakeEngine):
    """It fails where several answers are written at once."""

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().generate(job) as pieces:
            if self.running > 1:
                raise EngineFailed("out of memory")
            yield pieces


def at(engine: FakeEngine, naps: Naps | None = None, **options: float) -> tuple[Desk, SelfTest]:
    desk = Desk(engine, max_queued=4)
    return desk, SelfTest(desk, **{"every_s": 100.0, **options}, clock=ticking(), sleep=naps or Naps())


async def work(desk: Desk) -> None:
    async with desk.work(REAL) as pieces:
        async for _ in pieces:
            pass


async def test_a_round_measures_prefill_and_decode_at_every_size() -> None:
    engine = FakeEngine(slots=4)
    desk, selftest = at(engine)
    await selftest.round()
    curve = desk.pace.curve()
    assert curve.prefill is not None
    assert [count for count, _ in curve.decode] == [1, 2, 4]
    assert engine.started == engine.finished == ALL
    assert desk.load().slots_busy == 0
    assert desk.load().tokens_per_s is None  # that is for real work


async def test_it_waits_for_a_quiet_moment_and_measures_again_every_so_often() -> None:
    naps = Naps(most=4)
    engine = FakeEngine(slots=4)
    _, selftest = at(engine, naps)
    async with anyio.create_task_group() as group:
        group.start_soon(selftest.run)
        await naps.enough.wait()
        group.cancel_scope.cancel()
    assert naps.taken == [QUIET_S, 100.0, QUIET_S, 100.0]
    assert engine.finished == 2 * ALL


async def test_real_work_cancels_it_at_once_and_gets_the_slot() -> None:
    engine = Held(hold=2, slots=1)
    desk, selftest = at(engine)
    async with anyio.create_task_group() as group:
        group.start_soon(selftest.round)
        await anyio.wait_all_tasks_blocked()
        assert (engine.running, desk.load().slots_busy) == (1, 0)
        with anyio.fail_after(5):
            await work(desk)
    assert engine.jobs[2] is REAL
    assert engine.cancelled == 1


async def test_a_round_that_was_cut_short_is_finished_later_without_doing_things_twice() -> None:
    engine = Held(hold=4)  # the first of the two answers of decode at 2
    naps = Naps()
    desk, selftest = at(engine, naps)
    async with anyio.create_task_group() as group:
        group.start_soon(selftest.round)
        await anyio.wait_all_tasks_blocked()
        assert [count for count, _ in desk.pace.curve().decode] == [1]  # what it has is believed already
        await work(desk)
    assert engine.cancelled == 1
    assert engine.started == ALL + 1 + 2
    assert [count for count, _ in desk.pace.curve().decode] == [1, 2, 4]
    assert naps.taken == [QUIET_S, FIRST_PAUSE_S, QUIET_S]


async def test_it_does_not_begin_while_somebody_is_served() -> None:
    engine = Held(hold=1)
    desk, selftest = at(engine)
    async with anyio.create_task_group() as group:
        group.start_soon(work, desk)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(selftest.round)
        await anyio.wait_all_tasks_blocked()
        assert engine.jobs == [REAL]
        group.cancel_scope.cancel()


async def test_a_budget_ends_a_sitting_and_the_pauses_grow_up_to_the_interval() -> None:
    naps = Naps(most=6)
    engine = FakeEngine(slots=4)
    _, selftest = at(engine, naps, budget_s=0.0, every_s=50.0)
    async with anyio.create_task_group() as group:
        group.start_soon(selftest.run)
        await naps.enough.wait()
        group.cancel_scope.cancel()
    assert naps.taken == [QUIET_S, FIRST_PAUSE_S, QUIET_S, 50.0, QUIET_S, 50.0]
    assert engine.finished == 0


async def test_a_step_that_outlasts_the_budget_by_itself_does_not_keep_the_others_from_being_measured() -> None:
    engine = FakeEngine(slots=4)
    naps = Naps()
    _, selftest = at(engine, naps, budget_s=0.0)
    await selftest.round()
    assert naps.taken.count(QUIET_S) == 5  # one sitting for every step, and an end
    assert engine.finished == 0


async def test_warming_and_draining_cancel_it_too() -> None:
    for disturb in ("warm", "drain"):
        engine = Held(hold=2)
        desk, selftest = at(engine)
        async with anyio.create_task_group() as group:
            group.start_soon(selftest.round)
            await anyio.wait_all_tasks_blocked()
            if disturb == "warm":
                await desk.warm(REAL.messages)
            else:
                desk.drain()
                await desk.idle()
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        assert engine.cancelled >= 1


async def test_nothing_is_measured_once_the_desk_drains() -> None:
    engine = FakeEngine()
    desk, selftest = at(engine, naps := Naps(most=3))
    desk.drain()
    async with anyio.create_task_group() as group:
        group.start_soon(selftest.round)
        await naps.enough.wait()
        group.cancel_scope.cancel()
    assert engine.started == 0


async def test_an_engine_that_breaks_costs_a_figure_and_not_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    desk, selftest = at(Broken(slots=2))
    with caplog.at_level(logging.WARNING, logger="edge_agent"):
        await selftest.round()
    assert [count for count, _ in desk.pace.curve().decode] == [1]
    assert "out of memory" in caplog.text
