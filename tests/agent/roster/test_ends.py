"""Models that cannot be loaded or end badly, and the end of the agent itself; what is told of all of them."""

from contextlib import AsyncExitStack

import anyio
import pytest

from edge_agent.engine.port import Job
from edge_agent.errors import (
    AgentError,
    Draining,
    EngineFailed,
    ModelNotFound,
    ModelUnusable,
)
from tests.agent.roster.house import HELLO, House, Open


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
