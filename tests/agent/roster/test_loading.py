"""Models are loaded when they are asked for, once for all who ask."""

import anyio
import pytest

from edge_agent.engine.port import Job
from edge_agent.errors import (
    Overloaded,
    TooLate,
)
from tests.agent.roster.house import HELLO, Open


async def test_at_the_start_all_that_fit_are_loaded_and_nobody_goes_for_another(opened: Open) -> None:
    house = await opened(5, a=3, b=3, c=2)
    await house.roster.load_what_fits()
    assert house.loaded() == ["main", "a", "c"]


async def test_who_asks_while_the_first_models_are_loaded_shares_that(opened: Open) -> None:
    house = await opened(9, a=3, b=3)
    async with anyio.create_task_group() as group:
        group.start_soon(house.ask, "b")
        group.start_soon(house.roster.load_what_fits)
        group.start_soon(house.ask, "a")
    assert [house[name].loads for name in ("a", "b")] == [1, 1]


async def test_a_model_is_loaded_when_it_is_first_asked_for_and_stays(opened: Open) -> None:
    house = await opened(5, a=3)
    assert house.roster.find("a").state == "unloaded"
    await house.ask("a")
    await house.ask("a")
    assert (house.roster.find("a").state, house["a"].loads) == ("loaded", 1)


async def test_the_model_not_used_for_longest_goes_for_a_new_one(opened: Open) -> None:
    house = await opened(6, a=3, b=3, c=3)
    for name in ("a", "b", "a", "c"):
        await house.ask(name)
    assert house.loaded() == ["main", "a", "c"]
    await house.ask("b")
    assert house.loaded() == ["main", "b", "c"]


async def test_all_who_ask_at_once_share_one_load_and_the_main_model_answers_meanwhile(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(house.ask, "a")
        await anyio.wait_all_tasks_blocked()
        assert house.roster.find("a").state == "loading"
        assert house.roster.load().queued == 3
        await house.ask("main")
        house["a"].gate.set()
    assert (house["a"].loads, house["a"].finished) == (1, 3)
    assert house.roster.load().queued == 0


async def test_who_asked_first_may_go_and_the_others_still_get_the_model(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    first = anyio.CancelScope()

    async def ask_and_go() -> None:
        with first:
            await house.ask("a")

    async with anyio.create_task_group() as group:
        group.start_soon(ask_and_go)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(house.ask, "a")
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        house["a"].gate.set()
    assert (house["a"].loads, house["a"].finished) == (1, 1)


async def test_who_can_wait_no_longer_is_told_so_while_the_load_goes_on(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    a = house.roster.find("a")
    with pytest.raises(TooLate, match=r"within 0\.01 s, but 'a' is still being loaded"):
        async with house.roster.work(a, Job(HELLO), within_s=0.01):
            pass
    assert (a.state, a.busy, house.roster.load().queued) == ("loading", False, 0)
    house["a"].gate.set()
    await house.ask("a")
    assert (house["a"].loads, house["a"].finished) == (1, 1)


async def test_what_a_load_takes_is_taken_off_the_time_that_the_first_token_has(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].load_s = 1000
    for _ in range(2):
        try:
            async with house.roster.work(house.roster.find("a"), Job(HELLO, max_tokens=1), within_s=900) as pieces:
                assert [piece async for piece in pieces]
        except TooLate:
            assert house["a"].finished == 0
    assert (house["a"].loads, house["a"].finished) == (1, 1)


async def test_no_more_wait_for_a_load_than_the_desk_could_take(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(2 + 4):  # slots and places in the line
            group.start_soon(house.ask, "a")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(Overloaded, match="Too many wait for 'a'"):
            await house.ask("a")
        house["a"].gate.set()
    assert house["a"].finished == 6


@pytest.mark.parametrize("name", ["main", "a"])
async def test_whoever_comes_for_any_model_ends_the_spare_time(opened: Open, name: str) -> None:
    house = await opened(5, a=3)
    async with anyio.create_task_group() as group:
        with house.roster.spare_time():
            group.start_soon(house.ask, name)
            with anyio.fail_after(10):
                await anyio.sleep_forever()
    assert house[name].finished == 1


async def test_there_is_no_spare_time_while_a_model_works_or_is_loaded(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    spare = 0
    async with anyio.create_task_group() as group:
        group.start_soon(house.roster.load_what_fits)
        await anyio.wait_all_tasks_blocked()
        with house.roster.spare_time():
            await anyio.lowlevel.checkpoint()
            spare += 1
        house["a"].gate.set()
    async with house.roster.hot(house.roster.find("a")):
        with house.roster.spare_time():
            await anyio.lowlevel.checkpoint()
            spare += 1
    assert spare == 0
    with house.roster.spare_time():
        await anyio.lowlevel.checkpoint()
        spare += 1
    assert spare == 1


async def test_idle_means_that_nothing_is_being_loaded_either(opened: Open) -> None:
    house = await opened(5, a=3)
    house["a"].gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(house.roster.load_what_fits)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01) as waiting:
            await house.roster.idle()
        house["a"].gate.set()
        with anyio.fail_after(10):
            await house.roster.idle()
    assert waiting.cancelled_caught
    assert house.loaded() == ["main", "a"]
