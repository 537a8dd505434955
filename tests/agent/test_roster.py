"""Loading and unloading on a box whose memory is a number: engines are fakes that take and give back their share."""

from contextlib import AsyncExitStack

import anyio
import pytest

from edge_agent.desk import Desk
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job
from edge_agent.errors import AgentError, Draining, EngineFailed, ModelDoesNotFit, ModelNotFound, ModelUnusable
from edge_agent.roster import Roster
from edge_agent.served import Served

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
        fault: raised by loading.
        closed: is set once it has given its memory back.
    """

    def __init__(self, name: str, size: int, box: Box) -> None:
        super().__init__(name=name, slots=2)
        self.size, self.box = size, box
        self.loads = 0
        self.loaded = False
        self.gate: anyio.Event | None = None
        self.fault: Exception | None = None
        self.closed = anyio.Event()

    async def load(self) -> None:
        self.loads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
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
        main, *further = (Served(Desk(e, max_queued=4), e.size) for e in self.engines.values())
        self.roster = Roster(main, further, room=lambda: self.box.room, clock=self.box.clock)

    def __getitem__(self, name: str) -> Sized:
        return self.engines[name]

    def loaded(self) -> list[str]:
        assert self.box.room >= 0
        assert [m.name for m in self.roster.models if m.loaded] == [n for n, e in self.engines.items() if e.loaded]
        return [name for name, engine in self.engines.items() if engine.loaded]

    async def begin(self) -> None:
        """As `running` does, without the watch: tests look at the memory when they please."""
        await self["main"].load()
        self.roster.main.loaded = True

    async def ask(self, name: str) -> None:
        async with self.roster.hot(self.roster.find(name)) as desk, desk.work(Job(HELLO, max_tokens=1)) as pieces:
            assert self[name].loaded
            async for _ in pieces:
                pass


async def test_at_the_start_all_that_fit_are_loaded_and_nobody_goes_for_another() -> None:
    house = House(5, a=3, b=3, c=2)
    await house.begin()
    await house.roster.load_what_fits()
    assert house.loaded() == ["main", "a", "c"]


async def test_a_model_is_loaded_when_it_is_first_asked_for_and_stays() -> None:
    house = House(5, a=3)
    await house.begin()
    assert house.roster.find("a").state == "unloaded"
    await house.ask("a")
    await house.ask("a")
    assert (house.roster.find("a").state, house["a"].loads) == ("loaded", 1)


async def test_the_model_not_used_for_longest_goes_for_a_new_one() -> None:
    house = House(6, a=3, b=3, c=3)
    await house.begin()
    for name in ("a", "b", "a", "c"):
        await house.ask(name)
    assert house.loaded() == ["main", "a", "c"]
    await house.ask("b")
    assert house.loaded() == ["main", "b", "c"]


async def test_all_who_ask_at_once_share_one_load_and_the_main_model_answers_meanwhile() -> None:
    house = House(5, a=3)
    await house.begin()
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


async def test_who_asked_first_may_go_and_the_others_still_get_the_model() -> None:
    house = House(5, a=3)
    await house.begin()
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


async def test_a_model_that_writes_is_never_unloaded() -> None:
    house = House(5, a=3, b=3)
    await house.begin()
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


async def test_a_model_is_not_unloaded_before_those_have_come_who_waited_for_it() -> None:
    house = House(5, a=3, b=3)
    await house.begin()
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


async def test_what_can_never_fit_is_refused_with_need_and_room_and_unloads_nobody() -> None:
    gib = 2**30
    house = House(3 * gib, a=2 * gib, b=9 * gib)
    await house.begin()
    await house.ask("a")
    with pytest.raises(ModelDoesNotFit, match=r"'b' needs 9\.0 GiB of memory, and 3\.0 GiB can be had now"):
        await house.ask("b")
    assert house.loaded() == ["main", "a"]


async def test_under_pressure_idle_models_go_in_turn_and_come_back_when_asked_for() -> None:
    house = House(8, a=3, b=3)
    await house.begin()
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
    await house.begin()
    async with roster.hot(roster.find("a")):
        assert house["a"].loaded
    await roster.relieve()
    assert house["a"].loaded


@pytest.mark.parametrize("fault", [ModelUnusable("llama.cpp cannot load a.gguf"), RuntimeError("boom")])
async def test_a_model_that_cannot_be_loaded_fails_those_who_wait_and_may_be_tried_again(fault: Exception) -> None:
    house = House(5, a=3)
    await house.begin()
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


async def test_a_further_model_that_fails_keeps_nobody_else_from_starting() -> None:
    house = House(9, a=3, b=3)
    house["a"].fault = ModelUnusable("llama.cpp cannot load a.gguf")
    await house.begin()
    await house.roster.load_what_fits()
    assert house.loaded() == ["main", "b"]


async def test_when_the_agent_ends_no_model_is_left_loaded() -> None:
    house = House(9, a=3)
    async with house.roster.running():
        await house.ask("main")
        await house.ask("a")
    assert house.loaded() == []


async def test_the_memory_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.roster.WATCH_S", 0.001)
    house = House(5, a=3)
    async with house.roster.running():
        await house.ask("a")
        house.box.room = -1
        with anyio.fail_after(10):
            await house["a"].closed.wait()
        assert house["main"].loaded


async def test_an_engine_that_ends_badly_is_unloaded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(5, a=3)
    await house.begin()
    await house.ask("a")

    async def explode() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(house["a"], "close", explode)
    house.box.room = -1
    await house.roster.relieve()
    assert house.roster.find("a").state == "unloaded"


async def test_draining_drains_all_models_and_loads_none() -> None:
    house = House(5, a=3, b=2)
    await house.begin()
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


async def test_load_is_that_of_all_models() -> None:
    house = House(5, a=3)
    await house.begin()
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
