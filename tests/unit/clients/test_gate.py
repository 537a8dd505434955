"""The limit on calls in flight."""

import asyncio
from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.lowlevel import checkpoint

from picegate.clients.gate import Gate
from picegate.core.errors import Overloaded


async def settle() -> None:
    for _ in range(10):
        await checkpoint()


async def hold(gate: Gate, order: list[int], number: int, release: anyio.Event | None = None) -> None:
    async with gate.place():
        order.append(number)
        await (release.wait() if release is not None else checkpoint())


async def test_no_more_than_the_limit_are_in_flight() -> None:
    gate = Gate(3, 100, 5)
    most = 0

    async def work() -> None:
        nonlocal most
        async with gate.place():
            most = max(most, gate.in_flight)
            await checkpoint()

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(work)
    assert most == 3
    assert (gate.in_flight, gate.queued) == (0, 0)


async def test_places_go_in_order_of_arrival() -> None:
    gate = Gate(1, 100, 5)
    order: list[int] = []
    async with anyio.create_task_group() as group, gate.place():
        for number in range(5):
            group.start_soon(hold, gate, order, number)
            await settle()
        assert gate.queued == 5
    assert order == [0, 1, 2, 3, 4]


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    gate = Gate(1, 100, 5)
    order: list[int] = []
    async with anyio.create_task_group() as group:
        async with gate.place():
            group.start_soon(hold, gate, order, 1)
            await settle()
        await hold(gate, order, 2)
    assert order == [1, 2]


async def test_a_full_queue_is_overloaded_at_once() -> None:
    gate = Gate(1, 1, 60)
    release = anyio.Event()
    order: list[int] = []
    async with anyio.create_task_group() as group:
        for number in range(2):
            group.start_soon(hold, gate, order, number, release)
        await settle()
        with anyio.fail_after(1), pytest.raises(Overloaded, match="waiting") as caught:
            async with gate.place():
                pass
        assert caught.value.retry_after_s >= 1
        release.set()
    assert order == [0, 1]


async def test_without_a_queue_a_taken_limit_is_overloaded() -> None:
    gate = Gate(1, 0, 60)
    async with gate.place():
        with pytest.raises(Overloaded):
            async with gate.place():
                pass


async def test_the_deadline_in_the_queue_passes() -> None:
    gate = Gate(1, 5, 0.01)
    async with gate.place():
        with pytest.raises(Overloaded, match=r"within 0\.01 s"):
            async with gate.place():
                pass
        assert gate.queued == 0
    async with gate.place():
        assert gate.in_flight == 1


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    gate = Gate(1, 5, 5)
    async with gate.place(), anyio.create_task_group() as group:
        group.start_soon(hold, gate, [], 1)
        await settle()
        group.cancel_scope.cancel()
    assert (gate.in_flight, gate.queued) == (0, 0)


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_place_handed_over_in_the_moment_of_cancellation_is_not_lost(cancelled_first: bool) -> None:
    gate = Gate(1, 5, 5)
    async with anyio.create_task_group() as group:
        holding = AsyncExitStack()
        await holding.enter_async_context(gate.place())
        group.start_soon(hold, gate, [], 1, anyio.Event())
        await settle()
        if cancelled_first:
            group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await holding.aclose()
        group.cancel_scope.cancel()
    assert (gate.in_flight, gate.queued) == (0, 0)


async def test_an_error_inside_gives_the_place_back() -> None:
    gate = Gate(1, 0, 5)
    with pytest.raises(RuntimeError):
        async with gate.place():
            raise RuntimeError
    assert gate.in_flight == 0


async def line_up(gate: Gate, order: list[str], name: str, tokens: float, patience_s: float = 0.0) -> None:
    async with gate.place(tokens, patience_s):
        order.append(name)


async def test_short_and_urgent_calls_go_before_long_and_patient_ones() -> None:
    gate = Gate(1, 100, 200)
    order: list[str] = []
    async with anyio.create_task_group() as group, gate.place():
        for name, tokens, patience_s in (("long", 4000, 0), ("patient", 50, 30), ("short", 50, 0), ("middle", 400, 0)):
            group.start_soon(line_up, gate, order, name, tokens, patience_s)
            await settle()
        assert gate.waiting == (50, 400, 50, 4000)
    assert order == ["short", "middle", "patient", "long"]


async def test_where_the_queue_is_full_the_last_in_line_gives_way_to_who_is_before_it() -> None:
    gate = Gate(1, 1, 60)
    order: list[str] = []

    async def patient() -> None:
        with pytest.raises(Overloaded, match="waiting"):
            await line_up(gate, order, "patient", 50, patience_s=20)

    async with anyio.create_task_group() as group, gate.place():
        group.start_soon(patient)
        await settle()
        group.start_soon(line_up, gate, order, "urgent", 50)
        await settle()
        assert gate.queued == 1
        with pytest.raises(Overloaded):
            await line_up(gate, order, "patient, too", 50, patience_s=20)
    assert order == ["urgent"]
    assert (gate.in_flight, gate.queued) == (0, 0)


async def test_who_gives_way_and_is_cancelled_in_the_same_moment_takes_no_place_along() -> None:
    gate = Gate(1, 1, 60)
    order: list[str] = []
    async with gate.place():
        patient = asyncio.create_task(line_up(gate, order, "patient", 50, 20))
        await settle()
        urgent = asyncio.create_task(line_up(gate, order, "urgent", 50))
        await asyncio.sleep(0)  # the patient one was told, and has not run yet
        patient.cancel()
        await asyncio.wait([patient])
        assert patient.cancelled()
        assert (gate.in_flight, gate.waiting) == (1, (50,))
    await urgent
    assert order == ["urgent"]
    assert (gate.in_flight, gate.queued) == (0, 0)


async def test_calls_that_end_badly_do_not_tell_how_long_a_place_is_held() -> None:
    gate = Gate(1, 100, queue_s=5)
    for _ in range(50):
        with pytest.raises(RuntimeError):
            async with gate.place(340):
                raise RuntimeError
    assert gate.ticket(0.0, 340, 0.0).hold_s == pytest.approx(10.2)  # as before anything was measured


async def test_whom_no_place_would_come_in_time_is_turned_away_at_once() -> None:
    gate = Gate(1, 100, queue_s=5)
    for number in range(50):
        gate.in_flight += 1
        gate.leave(gate.ticket(number, 100, 0.0), 100.0)
    async with gate.place():
        with anyio.fail_after(1), pytest.raises(Overloaded) as caught:
            async with gate.place(100):
                pass
        assert caught.value.retry_after_s >= 1
    async with gate.place(100):  # nobody is before it
        pass
