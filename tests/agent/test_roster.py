"""Loading and unloading on a box whose memory is a number: engines are fakes that take and give back their share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import anyio
import pytest

from edge_agent.desk.desk import Desk
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job
from edge_agent.errors import (
    AgentError,
    Draining,
    EngineFailed,
    ModelDoesNotFit,
    ModelNotFound,
    ModelUnusable,
    Overloaded,
    TooLate,
)
from edge_agent.roster.roster import Roster
from edge_agent.roster.served import Served

HELLO = ({"role": "user", "content": "Hello"},)


class Box:
    """A machine with `room` units of memory left, and a clock that steps with every look at it."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.now = 0.0

    def clock(self) -> float:
        self.now += 1
        return self.now


class Sized(FakeEngine):
    """Takes `size` of the box once loaded.

    Attributes:
        loads: how often it was loaded, or was tried to be.
        gate: set it to an event and loading waits for that.
        load_s: how far the clock goes while it is loaded.
        fault: raised by loading.
        closed: is set once it has given its memory back.
    """

    def __init__(self, name: str, size: int, box: Box) -> None:
        super().__init__(name=name, slots=2)
        self.size, self.box = size, box
        self.loads = 0
        self.loaded = False
        self.gate: anyio.Event | None = None
        self.load_s = 0.0
        self.fault: Exception | None = None
        self.closed = anyio.Event()

    def suit(self, _: int | None) -> int:
        assert not self.loaded
        return self.size

    async def load(self) -> None:
        self.loads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.box.now += self.load_s
        self.loaded = True
        self.box.room -= self.size

    async def close(self) -> None:
        if self.loaded:
            self.loaded = False
            self.box.room += self.size
            self.closed.set()


class House:
    """A main model of 8 units and further ones of the given sizes, on a box with so much `room` beside the main one."""

    def __init__(self, room: int, **sizes: int) -> None:
        self.box = Box(room + 8)
        self.engines = {name: Sized(name, size, self.box) for name, size in {"main": 8, **sizes}.items()}
        main, *further = (Served(Desk(e, max_queued=4), e.suit) for e in self.engines.values())
        self.roster = Roster(main, further, room=lambda: self.box.room, clock=self.box.clock)

    def __getitem__(self, name: str) -> Sized:
        return self.engines[name]

    def loaded(self) -> list[str]:
        assert self.box.room >= 0
        assert [m.name for m in self.roster.models if m.loaded] == [n for n, e in self.engines.items() if e.loaded]
        return [name for name, engine in self.engines.items() if engine.loaded]

    async def ask(self, name: str) -> None:
        async with self.roster.work(self.roster.find(name), Job(HELLO, max_tokens=1)) as pieces:
            assert self[name].loaded
            async for _ in pieces:
                pass


Open = Callable[..., Awaitable[House]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Call it as House: its roster runs until the test ends, without the watch; tests look at memory as they please."""
    async with AsyncExitStack() as running:

        async def start(room: int, **sizes: int) -> House:
            house = House(room, **sizes)
            await running.enter_async_context(house.roster.running(care=False))
            return house

        yield start


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


@pytest.mark.parametrize("fault", [ModelUnusable("llama.cpp cannot load a.gguf"), RuntimeError("boom")])
async def test_a_model_that_cannot_be_loaded_fails_those_who_wait_and_may_be_tried_again(
    opened: Open, fault: Exception
) -> None:
    house = await opened(5, a=3)
    house["a"].fault, house["a"].gate = fault, anyio.Event()
    errors: list[AgentError] = []

    async def ask() -> None:
        try:
            await house.ask("a")
        except EngineFailed as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        house["a"].gate.set()
    assert [error.message for error in errors] == ["The model 'a' cannot be loaded; the agent's log says why."] * 2
    assert (house["a"].loads, house.roster.find("a").state) == (1, "unloaded")
    house["a"].fault = None
    await house.ask("a")
    assert house["a"].finished == 1


async def test_a_further_model_that_fails_keeps_nobody_else_from_starting(opened: Open) -> None:
    house = await opened(9, a=3, b=3)
    house["a"].fault = ModelUnusable("llama.cpp cannot load a.gguf")
    await house.roster.load_what_fits()
    assert house.loaded() == ["main", "b"]


async def test_when_the_agent_ends_no_model_is_left_loaded() -> None:
    house = House(9, a=3)
    async with house.roster.running():
        await house.ask("main")
        await house.ask("a")
    assert house.loaded() == []


async def test_the_memory_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.roster.roster.WATCH_S", 0.001)
    house = House(5, a=3)
    async with house.roster.running():
        await house.ask("a")
        house.box.room = -1
        with anyio.fail_after(10):
            await house["a"].closed.wait()
        assert house["main"].loaded


async def test_an_engine_that_ends_badly_is_unloaded_all_the_same(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await opened(5, a=3)
    await house.ask("a")

    async def explode() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(house["a"], "close", explode)
    house.box.room = -1
    await house.roster.relieve()
    assert house.roster.find("a").state == "unloaded"


async def test_draining_drains_all_models_and_loads_none(opened: Open) -> None:
    house = await opened(5, a=3, b=2)
    async with house.roster.hot(house.roster.find("a")) as desk, desk.work(Job(HELLO)) as pieces:
        house.roster.drain()
        assert house.roster.draining
        for name in ("main", "a", "b"):
            with pytest.raises(Draining):
                await house.ask(name)
        with anyio.move_on_after(0.01) as waiting:
            await house.roster.idle()
        assert waiting.cancelled_caught
        assert [piece async for piece in pieces][-1].finish_reason
    with anyio.fail_after(5):
        await house.roster.idle()
    assert not house["b"].loaded


async def test_load_is_that_of_all_models(opened: Open) -> None:
    house = await opened(5, a=3)
    roster = house.roster
    async with AsyncExitStack() as jobs:
        for model in roster.models:
            desk = await jobs.enter_async_context(roster.hot(model))
            await jobs.enter_async_context(desk.work(Job(HELLO)))
        assert roster.load().slots_busy == 2


def test_a_model_that_is_not_served_is_answered_with_those_that_are() -> None:
    house = House(5, a=3)
    with pytest.raises(ModelNotFound, match="'gpt' does not exist here; this agent serves 'main', 'a'"):
        house.roster.find("gpt")
    assert house.roster.find(None) is house.roster.main
