"""Slots, the queue, clients that go away, and the drain: who holds a slot is counted at the engine."""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import httpx2
import pytest

from edge_agent.app import create_app
from edge_agent.desk.desk import Desk
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job, Piece, Warmth, WireMessage
from edge_agent.errors import Draining, Overloaded, TooLate
from edge_agent.server import background
from edge_agent.settings import Settings
from tests.agent.conftest import Serve, wait_for

HELLO = ({"role": "user", "content": "Hello"},)
BODY: dict[str, Any] = {"model": "fake", "messages": list(HELLO), "stream": True}


def test_a_client_that_hangs_up_in_mid_stream_frees_its_slot(serve: Serve) -> None:
    engine = FakeEngine(token_s=0.05)
    with httpx2.stream("POST", f"{serve(engine)}/v1/chat/completions", json=BODY) as reply:
        lines = reply.iter_lines()  # kept: when it goes, httpx2 hangs up
        next(lines)
        assert engine.running == 1
    wait_for(lambda: engine.running == 0)
    assert (engine.cancelled, engine.finished) == (1, 0)


def test_a_client_that_hangs_up_before_the_first_token_frees_its_slot(serve: Serve) -> None:
    engine = FakeEngine(prefill_s=60)
    url = serve(engine)
    for stream in (True, False):
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{url}/v1/chat/completions", json={**BODY, "stream": stream}, timeout=0.3)
        wait_for(lambda: engine.running == 0)
    assert (engine.started, engine.cancelled) == (2, 2)


def test_a_client_that_hangs_up_in_the_queue_never_gets_a_slot(serve: Serve) -> None:
    engine = FakeEngine(token_s=0.05)
    url = serve(engine)
    with httpx2.stream("POST", f"{url}/v1/chat/completions", json=BODY) as first:
        lines = first.iter_lines()  # kept: when it goes, httpx2 hangs up
        next(lines)
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{url}/v1/chat/completions", json=BODY, timeout=0.3)
        wait_for(lambda: httpx2.get(f"{url}/node/v1/status").json()["load"]["queued"] == 0)
    wait_for(lambda: engine.running == 0)
    assert engine.started == 1


def test_beyond_the_queue_work_is_refused_with_retry_after(serve: Serve) -> None:
    url = serve(FakeEngine(token_s=0.05), max_queued=0)
    with httpx2.stream("POST", f"{url}/v1/chat/completions", json=BODY) as first:
        lines = first.iter_lines()  # kept: when it goes, httpx2 hangs up
        next(lines)
        refused = httpx2.post(f"{url}/v1/chat/completions", json=BODY)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["retry-after-ms"] == "1000"
    assert refused.json()["error"]["code"] == "overloaded"


def test_while_draining_new_work_is_refused_and_running_streams_finish() -> None:
    engine = FakeEngine(token_s=0.01)
    app = create_app(engine, Settings(name="edge-1"))
    with background(app) as url, httpx2.stream("POST", f"{url}/v1/chat/completions", json=BODY) as running:
        lines = running.iter_lines()
        next(lines)
        app.state.agent.desk.drain()
        refused = httpx2.post(f"{url}/v1/chat/completions", json=BODY)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        assert int(refused.headers["retry-after"]) >= 1
        assert httpx2.get(f"{url}/health").status_code == 503
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert engine.finished == 1


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Reading(FakeEngine):
    """Reads a prompt for half a second of `clock`, and that of a job with a seed until `go_on`."""

    def __init__(self, clock: Hands, slots: int = 1) -> None:
        super().__init__(slots=slots)
        self.go_on = anyio.Event()
        self._clock = clock

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().generate(job) as pieces:
            self._clock.now += 0.5
            if job.seed is not None:
                await self.go_on.wait()
            yield pieces


async def test_the_desk_measures_decode_speed_on_real_work() -> None:
    clock = Hands()
    desk = Desk(Reading(clock), max_queued=1, clock=clock)
    assert desk.load().tokens_per_s is None
    question = {"role": "user", "content": "word " * 40}
    async with desk.work(Job((question,), max_tokens=11)) as pieces:
        async for _ in pieces:
            clock.now += 0.1
    load = desk.load()
    assert load.tokens_per_s == pytest.approx(10 / 1.1)  # the finishing piece comes one step after the last token
    assert load.prefill_tokens_per_s == pytest.approx(41 / 0.5)


async def test_the_newest_job_moves_the_measured_speed_by_a_fifth() -> None:
    clock = Hands()
    desk = Desk(FakeEngine(), max_queued=1, clock=clock)
    for step_s in (0.1, 0.2):
        async with desk.work(Job(HELLO, max_tokens=11)) as pieces:
            async for _ in pieces:
                clock.now += step_s
    assert desk.load().tokens_per_s == pytest.approx(0.8 * 10 / 1.1 + 0.2 * 10 / 2.2)


async def test_answers_side_by_side_teach_the_rate_of_both_together() -> None:
    clock = Hands()
    desk = Desk(FakeEngine(slots=2), max_queued=1, clock=clock)
    async with desk.work(Job(HELLO, max_tokens=21)) as one, desk.work(Job(HELLO, max_tokens=21)) as other:
        for _ in range(22):
            await anext(one)
            await anext(other)
            clock.now += 0.1
    ((count, rate),) = desk.pace.curve().decode
    assert (count, rate.at) == (2, pytest.approx(2.1))
    assert rate.tokens_per_s == pytest.approx(2 * 20 / 2.1)
    clock.now = 10.0
    speed = desk.speed()
    assert speed is not None
    assert (speed.decode[0].sequences, speed.decode[0].source) == (2, "work")
    assert speed.decode[0].age_s == pytest.approx(10 - 2.1)


async def test_an_answer_beside_one_that_reads_its_prompt_teaches_no_decode() -> None:
    clock = Hands()
    engine = Reading(clock, slots=2)
    desk = Desk(engine, max_queued=1, clock=clock)
    async with anyio.create_task_group() as group, desk.work(Job(HELLO, max_tokens=21)) as one:
        group.start_soon(_work, desk, 1)
        await anyio.wait_all_tasks_blocked()
        async for _ in one:
            clock.now += 0.1
        group.cancel_scope.cancel()
    assert desk.load().tokens_per_s is not None
    assert desk.speed() is None


async def test_the_desk_counts_who_works_and_who_waits() -> None:
    desk = Desk(FakeEngine(), max_queued=1)
    async with anyio.create_task_group() as group, desk.work(Job(HELLO)):
        group.start_soon(_work, desk)
        await anyio.wait_all_tasks_blocked()
        assert (desk.load().slots_busy, desk.load().queued) == (1, 1)
        with pytest.raises(Overloaded):
            await _work(desk)
        group.cancel_scope.cancel()
    assert (desk.load().slots_busy, desk.load().queued) == (0, 0)


async def test_warming_never_takes_the_place_of_real_work() -> None:
    desk = Desk(FakeEngine(), max_queued=1)
    async with desk.work(Job(HELLO)):
        with pytest.raises(Overloaded):
            await desk.warm(HELLO)
    assert (await desk.warm(HELLO)).tokens > 0


async def test_real_work_takes_the_slot_beside_which_is_warmed() -> None:
    class Warming(FakeEngine):
        async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
            await anyio.sleep(60)
            return await super().warm(messages)

    desk = Desk(Warming(), max_queued=0)
    async with anyio.create_task_group() as group:
        group.start_soon(desk.warm, HELLO)
        await anyio.wait_all_tasks_blocked()
        await _work(desk)
        with pytest.raises(Overloaded):  # one at a time for each slot
            await desk.warm(HELLO)
        group.cancel_scope.cancel()


async def test_an_answer_whose_first_token_does_not_come_in_time_is_given_up() -> None:
    engine = FakeEngine(prefill_s=60)
    desk = Desk(engine, max_queued=1)
    with pytest.raises(TooLate):
        async with desk.work(Job(HELLO), within_s=0.01):
            raise AssertionError("nothing has come")
    assert (engine.running, engine.cancelled) == (0, 1)


async def test_a_deadline_is_over_with_the_first_token() -> None:
    desk = Desk(FakeEngine(), max_queued=1)
    async with desk.work(Job(HELLO, max_tokens=3), within_s=0.05) as pieces:
        await anyio.sleep(0.1)
        assert [piece.finish_reason async for piece in pieces][-1] == "length"


def test_priorities_and_deadlines_come_over_http(serve: Serve) -> None:
    engine = FakeEngine(token_s=0.05)
    url = f"{serve(engine)}/v1/chat/completions"
    with httpx2.stream("POST", url, json=BODY) as first, ThreadPoolExecutor(3) as others:
        lines = first.iter_lines()  # kept: when it goes, httpx2 hangs up
        next(lines)

        def is_queued(count: int) -> bool:
            status = httpx2.get(url.replace("v1/chat/completions", "node/v1/status"))
            return bool(status.json()["load"]["queued"] == count)

        def ask(seed: int, **headers: str) -> int:
            body = {**BODY, "seed": seed, "stream": False, "max_tokens": 1}
            return httpx2.post(url, json=body, headers=headers, timeout=60).status_code

        asked = []
        for number, leg in enumerate(("verify", "expand", "hedge")):
            asked.append(others.submit(ask, number, **{"x-pice-leg": leg}))
            wait_for(partial(is_queued, number + 1))
        assert ask(9, **{"x-pice-deadline-ms": "20"}) == 503
        assert ask(9, **{"x-pice-deadline-ms": "soon"}) == 400
        for _ in lines:
            pass
    assert [one.result() for one in asked] == [200, 200, 200]
    assert [job.seed for job in engine.jobs] == [None, 2, 1, 0]


async def test_a_draining_desk_finishes_its_queue_and_then_is_idle() -> None:
    desk = Desk(FakeEngine(token_s=0.001), max_queued=2)
    async with anyio.create_task_group() as group:
        group.start_soon(_work, desk)
        group.start_soon(_work, desk)
        await anyio.wait_all_tasks_blocked()
        desk.drain()
        with pytest.raises(Draining):
            await _work(desk)
        with anyio.fail_after(5):
            await desk.idle()
    assert desk.engine.finished == 2  # type: ignore[attr-defined]


async def _work(desk: Desk, seed: int | None = None) -> None:
    async with desk.work(Job(HELLO, seed=seed)) as pieces:
        async for _ in pieces:
            pass
