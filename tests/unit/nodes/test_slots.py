"""Who gets which slot."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.lowlevel import checkpoint

from picegate.core.errors import NoNode
from picegate.core.plan import NodeState
from picegate.core.ports import Observation, Wish
from picegate.nodes.lifecycle import Registry
from tests.unit.nodes.house import Hand, enrol, registry, seen, static

ANY = Wish()


def measured(fleet: Registry, name: str, tokens_per_s: float) -> None:
    fleet.observe(f"static-{name}", Observation(True, 0.1, tokens=101, decode_s=100 / tokens_per_s))


async def name_of(fleet: Registry, wish: Wish) -> str:
    async with fleet.acquire(wish, 1) as node:
        return node.name


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await checkpoint()


async def test_the_fastest_node_is_taken() -> None:
    fleet = registry(Hand(), static("slow"), static("fast"))
    measured(fleet, "slow", 10)
    measured(fleet, "fast", 30)
    assert await name_of(fleet, ANY) == "fast"


async def test_a_busy_fast_node_gives_way_to_an_idle_slower_one() -> None:
    fleet = registry(Hand(), static("slow", slots=4), static("fast", slots=4))
    measured(fleet, "slow", 26)
    measured(fleet, "fast", 30)
    async with fleet.acquire(ANY, 1), fleet.acquire(ANY, 1) as second:
        assert second.name == "fast"
        assert await name_of(fleet, ANY) == "slow"


async def test_a_node_never_measured_is_tried() -> None:
    fleet = registry(Hand(), static("known"), static("new"))
    measured(fleet, "known", 500)
    async with fleet.acquire(ANY, 1) as first, fleet.acquire(ANY, 1) as second:
        assert {first.name, second.name} == {"known", "new"}


async def test_a_node_whose_model_is_feared_to_write_weakly_comes_second() -> None:
    fleet = registry(Hand(), static("box"), static("other").model_copy(update={"model": "better"}))
    measured(fleet, "box", 31)
    measured(fleet, "other", 30)
    assert await name_of(fleet, ANY) == "box"
    assert await name_of(fleet, Wish(weak={"m": 0.4})) == "other"
    async with fleet.acquire(Wish(weak={"m": 0.4}), 1):
        assert await name_of(fleet, Wish(weak={"m": 0.4})) == "box"


async def test_a_leg_that_waits_for_a_trusted_node_leaves_the_free_one_to_those_who_want_it() -> None:
    fleet = registry(Hand(), static("slow"), static("fast").model_copy(update={"model": "better"}))
    measured(fleet, "slow", 20)
    measured(fleet, "fast", 60)
    picky, easy = Wish(weak={"m": 1.0}, turn=(0.0, 0)), Wish(turn=(1.0, 0))
    took: dict[str, str] = {}

    async def take(wish: Wish, who: str) -> None:
        async with fleet.acquire(wish, 5) as node:
            took[who] = node.name

    async with fleet.acquire(ANY, 1) as busy, anyio.create_task_group() as group:
        assert busy.name == "fast"
        group.start_soon(take, picky, "picky")
        await settle()
        group.start_soon(take, easy, "easy")
        await settle()
        assert took == {"easy": "slow"}
        group.cancel_scope.cancel()


async def test_a_long_leg_that_waits_for_a_fast_node_does_not_hold_up_a_short_one() -> None:
    fleet = registry(Hand(), static("slow"), static("fast"))
    for _ in range(20):
        measured(fleet, "slow", 10)
        measured(fleet, "fast", 40)
    took: dict[str, str] = {}

    async def take(who: str, tokens: float) -> None:
        async with fleet.acquire(Wish(tokens=tokens, prompt_tokens=0, turn=(0.0, len(took))), 5) as node:
            took[who] = node.name

    async with fleet.acquire(Wish(prefer="static-fast"), 1), anyio.create_task_group() as group:
        for who, tokens in (("long", 2000), ("long, too", 2000), ("short", 20)):
            group.start_soon(take, who, tokens)
            await settle()
        assert took == {"short": "slow"}
        group.cancel_scope.cancel()


async def test_load_spreads_over_equal_nodes() -> None:
    fleet = registry(Hand(), static("a", slots=2), static("b", slots=2))
    async with fleet.acquire(ANY, 1) as one, fleet.acquire(ANY, 1) as two:
        assert {one.name, two.name} == {"a", "b"}


async def test_the_preferred_node_is_taken_while_it_has_a_free_slot() -> None:
    fleet = registry(Hand(), static("slow"), static("fast"))
    measured(fleet, "slow", 10)
    measured(fleet, "fast", 30)
    wish = Wish(prefer="static-slow")
    async with fleet.acquire(wish, 1) as node:
        assert node.name == "slow"
        assert await name_of(fleet, wish) == "fast"


async def test_excluded_small_and_draining_nodes_are_not_taken() -> None:
    fleet = registry(Hand(), static("failed"), static("small", context_tokens=100), static("good"))
    agent = enrol(fleet)
    fleet.drain(agent.node_id, agent.token)
    wish = Wish(context_tokens=101, exclude=frozenset({"static-failed"}), prefer="static-small")
    for _ in range(3):
        assert await name_of(fleet, wish) == "good"


@pytest.mark.parametrize("wish", [Wish(exclude=frozenset({"static-box"})), Wish(context_tokens=5000)])
async def test_where_no_node_could_ever_fit_there_is_no_waiting(wish: Wish) -> None:
    fleet = registry(Hand(), static(context_tokens=4096))
    with anyio.fail_after(1), pytest.raises(NoNode, match="fits"):
        async with fleet.acquire(wish, 60):
            pass


async def test_a_slot_that_does_not_come_free_in_time_is_no_node() -> None:
    fleet = registry(Hand(), static())
    async with fleet.acquire(ANY, 1):
        with pytest.raises(NoNode, match="free within"):
            async with fleet.acquire(ANY, 0.01):
                pass
    assert seen(fleet, "box").free == 1


async def test_slots_are_given_back_however_the_block_ends() -> None:
    fleet = registry(Hand(), static())
    with pytest.raises(RuntimeError):
        async with fleet.acquire(ANY, 1):
            raise RuntimeError
    with anyio.CancelScope() as scope:
        async with fleet.acquire(ANY, 1):
            scope.cancel()
            await checkpoint()
    assert seen(fleet, "box").free == 1


async def waiting(
    fleet: Registry, order: list[str], name: str, wish: Wish = ANY, served: anyio.Event | None = None
) -> None:
    async with fleet.acquire(wish, 5) as node:
        order.append(f"{name}@{node.name}")
        if served is not None:
            served.set()
        await checkpoint()


async def test_waiting_legs_are_served_in_order_of_arrival() -> None:
    fleet = registry(Hand(), static())
    order: list[str] = []
    async with anyio.create_task_group() as group, fleet.acquire(ANY, 1):
        for name in "abc":
            group.start_soon(waiting, fleet, order, name)
            await settle()
        assert order == []
    assert order == ["a@box", "b@box", "c@box"]


async def test_a_leg_that_waits_for_a_rare_node_does_not_hold_up_those_behind() -> None:
    fleet = registry(Hand(), static("large", context_tokens=8000), static("small", context_tokens=1000))
    order: list[str] = []
    large = Wish(context_tokens=5000)
    async with anyio.create_task_group() as group, fleet.acquire(large, 1):
        async with fleet.acquire(ANY, 1):
            group.start_soon(waiting, fleet, order, "rare", large)
            await settle()
            group.start_soon(waiting, fleet, order, "common")
            await settle()
        await settle()
        assert order == ["common@small"]
    assert order == ["common@small", "rare@large"]


async def wakes(fleet: Registry, act: Callable[[], object]) -> list[str]:
    """Who got a slot by `act`, while the only slot of the box stays taken."""
    order: list[str] = []
    async with fleet.acquire(Wish(prefer="static-box"), 1), anyio.create_task_group() as group:
        group.start_soon(waiting, fleet, order, "a")
        await settle()
        assert order == []
        act()
        await settle()
        result = list(order)
        group.cancel_scope.cancel()
    return result


async def test_an_agent_that_registers_is_given_to_those_who_wait() -> None:
    fleet = registry(Hand(), static())
    assert await wakes(fleet, lambda: enrol(fleet)) == ["a@jetson"]


async def test_a_breaker_that_lets_a_try_through_wakes_those_who_wait() -> None:
    clock = Hand()
    fleet = registry(clock, static(), static("flaky"))
    for _ in range(2):
        fleet.observe("static-flaky", Observation(ok=False))
    clock.now += 9.95
    order: list[str] = []
    async with fleet.acquire(ANY, 1) as taken, anyio.create_task_group() as group:
        assert taken.name == "box"
        served = anyio.Event()
        group.start_soon(waiting, fleet, order, "a", ANY, served)
        await settle()
        assert order == []
        clock.now += 0.05  # the waiter's own timer, set for 0.05 s, finds it half open
        with anyio.fail_after(2):
            await served.wait()
    assert order == ["a@flaky"]


async def test_a_half_open_node_takes_one_try_at_a_time() -> None:
    clock = Hand()
    fleet = registry(clock, static("flaky", slots=4))
    for _ in range(2):
        fleet.observe("static-flaky", Observation(ok=False))
    clock.now += 10
    async with fleet.acquire(ANY, 1):
        with pytest.raises(NoNode, match="free within"):
            async with fleet.acquire(ANY, 0.01):
                pass
        fleet.observe("static-flaky", Observation(ok=True))
        assert await name_of(fleet, ANY) == "flaky"


async def test_who_waits_learns_at_once_that_the_last_fitting_node_is_gone() -> None:
    fleet = registry(Hand(), static(context_tokens=100))
    agent = enrol(fleet, slots=1)
    wish = Wish(context_tokens=200)
    failed: list[NoNode] = []

    async def wait() -> None:
        try:
            async with fleet.acquire(wish, 60):
                pass
        except NoNode as error:
            failed.append(error)

    async with anyio.create_task_group() as group, fleet.acquire(wish, 1):
        group.start_soon(wait)
        await settle()
        fleet.drain(agent.node_id, agent.token)
        await settle()
        assert len(failed) == 1


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_slot_handed_over_in_the_moment_of_cancellation_is_not_lost(cancelled_first: bool) -> None:
    fleet = registry(Hand(), static())

    async def wait() -> None:
        async with fleet.acquire(ANY, 5):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        holding = AsyncExitStack()
        await holding.enter_async_context(fleet.acquire(ANY, 1))
        group.start_soon(wait)
        await settle()
        if cancelled_first:
            group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await holding.aclose()  # hands the slot over; the waiter has not run yet
        group.cancel_scope.cancel()
    assert seen(fleet, "box").free == 1


async def test_a_node_that_dies_in_the_middle_again_and_again_is_taken_out_though_it_began_well() -> None:
    fleet = registry(Hand(), static("box"))
    (box,) = fleet.view()
    for _ in range(3):
        fleet.observe(box.id, Observation(None, None, 16, 0.6))
        assert fleet.view()[0].proven
        fleet.observe(box.id, Observation(False))
    assert fleet.view()[0].state is NodeState.LOST
