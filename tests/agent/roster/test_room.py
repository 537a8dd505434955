"""Whose memory goes for whom: idle models that were not used for longest, never one that writes."""

import anyio
import pytest

from edge_agent.engine.port import Job
from edge_agent.errors import (
    ModelDoesNotFit,
    ModelUnusable,
)
from edge_agent.roster.roster import Roster
from tests.agent.roster.house import HELLO, House, Open


async def test_a_model_that_cannot_be_set_up_for_what_there_is_waits_and_says_what_would_do(opened: Open) -> None:
    house = await opened(5, a=3)
    asked: list[int | None] = []

    def suit(room: int | None) -> int:
        asked.append(room)
        if room is not None and room < 7:
            raise ModelUnusable("4 slots need 7 B, but 5 B are available: --slots 2 would fit")
        return 3

    house.roster.find("a").suit = suit
    with pytest.raises(ModelDoesNotFit, match=r"'a' does not fit into memory now: .*--slots 2 would fit"):
        await house.ask("a")
    house.box.room += 2
    await house.ask("a")
    assert (house.loaded(), asked) == (["main", "a"], [5, 7])


async def test_a_model_is_set_up_for_what_there_is_once_the_idle_ones_are_gone(opened: Open) -> None:
    house = await opened(6, a=3, b=2)
    await house.ask("a")
    asked: list[int | None] = []

    def suit(room: int | None) -> int:
        asked.append(room)
        return 5

    house["b"].size, house.roster.find("b").suit = 5, suit
    await house.ask("b")
    assert house.loaded() == ["main", "b"]
    assert asked == [6, 6]  # before "a" was unloaded, and after


async def test_a_model_that_writes_is_never_unloaded(opened: Open) -> None:
    house = await opened(5, a=3, b=3)
    async with house.roster.hot(house.roster.find("a")) as desk, desk.work(Job(HELLO)):
        with pytest.raises(ModelDoesNotFit) as refused:
            await house.ask("b")
        house.box.room -= 2
        await house.roster.relieve()
        assert house.loaded() == ["main", "a"]
    assert refused.value.retry_after_s >= 1
    house.box.room += 2
    await house.ask("b")
    assert house.loaded() == ["main", "b"]


async def test_a_model_is_not_unloaded_before_those_have_come_who_waited_for_it(opened: Open) -> None:
    house = await opened(5, a=3, b=3)
    house["a"].gate, enough = anyio.Event(), anyio.Event()

    async def wait_for_a() -> None:
        async with house.roster.hot(house.roster.find("a")):
            await enough.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(wait_for_a)
        await anyio.wait_all_tasks_blocked()
        house["a"].gate.set()
        with pytest.raises(ModelDoesNotFit):
            await house.ask("b")
        enough.set()
    await house.ask("b")
    assert house.loaded() == ["main", "b"]


async def test_what_can_never_fit_is_refused_with_need_and_room_and_unloads_nobody(opened: Open) -> None:
    gib = 2**30
    house = await opened(3 * gib, a=2 * gib, b=9 * gib)
    await house.ask("a")
    with pytest.raises(ModelDoesNotFit, match=r"'b' needs 9\.00 GiB of memory, and 3\.00 GiB can be had now"):
        await house.ask("b")
    assert house.loaded() == ["main", "a"]


async def test_under_pressure_idle_models_go_in_turn_and_come_back_when_asked_for(opened: Open) -> None:
    house = await opened(8, a=3, b=3)
    await house.ask("b")
    await house.ask("a")
    house.box.room -= 4  # somebody else takes memory: two units of the reserve are gone
    await house.roster.relieve()
    assert house.loaded() == ["main", "a"]
    house.box.room -= 99
    await house.roster.relieve()
    assert not house["a"].loaded
    assert house["main"].loaded
    house.box.room += 103
    await house.ask("b")
    assert house.loaded() == ["main", "b"]


async def test_where_the_machine_does_not_say_what_it_has_nothing_is_refused() -> None:
    house = House(0, a=3)
    roster = Roster(house.roster.main, [house.roster.find("a")], room=lambda: None)
    async with roster.running(care=False):
        async with roster.hot(roster.find("a")):
            assert house["a"].loaded
        await roster.relieve()
        assert house["a"].loaded


async def test_the_memory_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.roster.roster.WATCH_S", 0.001)
    house = House(5, a=3)
    async with house.roster.running():
        await house.ask("a")
        house.box.room = -1
        with anyio.fail_after(10):
            await house["a"].closed.wait()
        assert house["main"].loaded
