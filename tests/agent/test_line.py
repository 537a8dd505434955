"""Who is served next: order, bounds, deadlines, and that no slot is lost on any way out."""

import anyio
import pytest

from edge_agent.desk.line import Line
from edge_agent.errors import Overloaded, TooLate


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


async def hold(line: Line, priority: int, served: list[int], within_s: float = 60.0) -> None:
    async with line.slot(priority, within_s):
        served.append(priority)


async def test_the_most_urgent_is_served_first_and_equals_in_the_order_they_came(hands: Hands) -> None:
    line, served = Line(1, 8, hands), [0]
    async with anyio.create_task_group() as group, line.slot():
        for priority in (5, 1, 3, 1):
            group.start_soon(hold, line, priority, served)
            await anyio.wait_all_tasks_blocked()
        assert (line.busy, line.waiting) == (1, 4)
    assert served == [0, 1, 1, 3, 5]
    assert (line.busy, line.waiting) == (0, 0)


async def test_a_full_line_refuses_who_is_no_more_urgent_than_its_last(hands: Hands) -> None:
    line = Line(1, 1, hands)
    async with anyio.create_task_group() as group, line.slot():
        group.start_soon(hold, line, 3, [])
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(Overloaded):
            await hold(line, 3, [])
        group.cancel_scope.cancel()


async def test_in_a_full_line_the_more_urgent_takes_the_place_of_the_last(hands: Hands) -> None:
    line, served, refused = Line(1, 1, hands), [0], []

    async def last() -> None:
        with pytest.raises(Overloaded):
            await hold(line, 3, served)
        refused.append(3)

    async with anyio.create_task_group() as group, line.slot():
        group.start_soon(last)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(hold, line, 2, served)
        await anyio.wait_all_tasks_blocked()
        assert refused == [3]
    assert served == [0, 2]


async def test_who_would_wait_in_vain_is_told_at_once(hands: Hands) -> None:
    line = Line(1, 8, hands)
    async with line.slot():
        hands.now += 10
    async with line.slot():
        assert line.wait_s() == 10
        with pytest.raises(TooLate, match=r"10\.0 s are expected") as told:
            await hold(line, 0, [], within_s=9)
        assert told.value.retry_after_s == 10


async def test_the_expected_wait_counts_those_ahead_and_not_the_less_urgent(hands: Hands) -> None:
    line = Line(2, 8, hands)
    async with line.slot():
        hands.now += 10
    async with anyio.create_task_group() as group, line.slot(), line.slot():
        for priority in (0, 5):
            group.start_soon(hold, line, priority, [])
        await anyio.wait_all_tasks_blocked()
        assert (line.wait_s(-1), line.wait_s(0), line.wait_s(5)) == (5, 10, 15)
        group.cancel_scope.cancel()


async def test_a_deadline_that_passes_in_the_line_is_told_and_leaves_no_trace(hands: Hands) -> None:
    line = Line(1, 8, hands)
    async with line.slot():
        with pytest.raises(TooLate):
            await hold(line, 0, [], within_s=0.01)
        assert (line.busy, line.waiting) == (1, 0)
    assert line.busy == 0


async def test_who_leaves_in_the_moment_of_being_served_gives_the_slot_on(hands: Hands) -> None:
    line, served = Line(1, 8, hands), [0]
    async with anyio.create_task_group() as group:
        async with line.slot():
            leaver = anyio.CancelScope()

            async def leaves() -> None:
                with leaver:
                    await hold(line, 1, served)

            group.start_soon(leaves)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(hold, line, 2, served)
            await anyio.wait_all_tasks_blocked()
        leaver.cancel()  # the slot is its own already, but it has not run yet
    assert served[-1] == 2
    assert (line.busy, line.waiting) == (0, 0)


async def test_an_empty_line_is_waited_for(hands: Hands) -> None:
    line = Line(1, 8, hands)
    async with anyio.create_task_group() as group:
        async with line.slot():
            group.start_soon(hold, line, 0, [])
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await line.empty()
        assert (line.busy, line.waiting) == (0, 0)
