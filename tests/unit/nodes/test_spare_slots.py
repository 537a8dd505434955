"""Slots that are lent: to who asks for a spare one, until somebody else finds none."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.lowlevel import checkpoint

from picegate.core.errors import NoNode
from picegate.core.ports import Wish
from picegate.nodes.lifecycle import Registry
from tests.unit.nodes.house import Hand, registry, seen, static
from tests.unit.nodes.test_slots import measured, name_of, settle

ANY = Wish()
SPARE = Wish(spare=True)


class Borrower:
    """Has a spare slot until it is taken back, or until it is stopped."""

    def __init__(self, fleet: Registry, wish: Wish = SPARE, *, slow: bool = False) -> None:
        self.end = ""
        self.scope = anyio.CancelScope()
        self._fleet = fleet
        self._wish = wish
        self._slow = slow  # to stop
        self.may_stop = anyio.Event()

    async def run(self) -> None:
        with self.scope:
            try:
                async with self._fleet.acquire(self._wish, 1) as node:
                    self.end = f"has {node.name}"
                    try:
                        await anyio.sleep_forever()
                    finally:
                        if self._slow:
                            with anyio.CancelScope(shield=True):
                                await self.may_stop.wait()
            except NoNode as error:
                self.end = error.message


async def lend(group: anyio.abc.TaskGroup, fleet: Registry, *wishes: Wish, slow: bool = False) -> list[Borrower]:
    borrowers = [Borrower(fleet, wish, slow=slow) for wish in wishes]
    for borrower in borrowers:
        group.start_soon(borrower.run)
        await settle()
        assert borrower.end.startswith("has")
    return borrowers


async def test_a_spare_slot_is_lent_and_given_back() -> None:
    fleet = registry(Hand(), static(slots=2))
    async with fleet.acquire(SPARE, 1) as node:
        assert (node.free, node.lent) == (1, 1)
    assert (seen(fleet, "box").free, seen(fleet, "box").lent) == (2, 0)


async def test_a_spare_slot_is_taken_back_when_somebody_finds_none() -> None:
    fleet = registry(Hand(), static())
    async with anyio.create_task_group() as group:
        (borrower,) = await lend(group, fleet, SPARE)
        async with fleet.acquire(ANY, 1) as node:
            assert (node.name, node.free, node.lent) == ("box", 0, 0)
            assert borrower.end == "the spare slot was needed"
    assert seen(fleet, "box").free == 1


async def test_nobody_loses_a_spare_slot_while_another_is_free() -> None:
    fleet = registry(Hand(), static(slots=3))
    async with anyio.create_task_group() as group:
        (borrower,) = await lend(group, fleet, SPARE)
        async with fleet.acquire(ANY, 1), fleet.acquire(ANY, 1):
            await settle()
            assert borrower.end == "has box"
        group.cancel_scope.cancel()


async def test_the_youngest_loses_its_slot_first() -> None:
    fleet = registry(Hand(), static(slots=2))
    async with anyio.create_task_group() as group:
        old, young = await lend(group, fleet, SPARE, SPARE)
        async with fleet.acquire(ANY, 1):
            assert (old.end, young.end) == ("has box", "the spare slot was needed")
        group.cancel_scope.cancel()


async def test_who_wants_a_spare_slot_takes_none_from_others() -> None:
    fleet = registry(Hand(), static())
    async with anyio.create_task_group() as group:
        (borrower,) = await lend(group, fleet, SPARE)
        with pytest.raises(NoNode, match="free within"):
            async with fleet.acquire(SPARE, 0.01):
                pass
        assert borrower.end == "has box"
        group.cancel_scope.cancel()


async def test_a_slot_that_is_no_use_to_who_waits_is_not_taken_back() -> None:
    fleet = registry(Hand(), static("small", context_tokens=100), static("large", context_tokens=9000))
    wish = Wish(context_tokens=5000)
    async with anyio.create_task_group() as group, fleet.acquire(wish, 1):
        (borrower,) = await lend(group, fleet, SPARE)
        with pytest.raises(NoNode, match="free within"):
            async with fleet.acquire(wish, 0.01):
                pass
        assert borrower.end == "has small"
        group.cancel_scope.cancel()


async def test_one_who_waits_takes_back_one_slot_however_slowly_it_comes() -> None:
    fleet = registry(Hand(), static(slots=3))
    async with anyio.create_task_group() as group:
        one, two, three = await lend(group, fleet, SPARE, SPARE, SPARE, slow=True)
        took: list[str] = []

        async def wait() -> None:
            async with fleet.acquire(ANY, 5) as node:
                took.append(node.name)

        group.start_soon(wait)
        await settle()
        for _ in range(3):  # whatever happens meanwhile
            fleet._slots.changed()
            await settle()
        assert took == []
        three.may_stop.set()
        await settle()
        assert took == ["box"]
        assert (one.end, two.end, three.end) == ("has box", "has box", "the spare slot was needed")
        for borrower in (one, two):
            borrower.may_stop.set()
        group.cancel_scope.cancel()


async def test_one_whom_no_lent_slot_fits_does_not_count_as_served_by_it() -> None:
    fleet = registry(Hand(), static("small", slots=2, context_tokens=100), static("large", context_tokens=9000))
    large = Wish(context_tokens=5000, turn=(0.0, 0))
    async with anyio.create_task_group() as group, fleet.acquire(large, 1):
        one, two = await lend(group, fleet, SPARE, SPARE, slow=True)

        async def wait(wish: Wish) -> None:
            async with fleet.acquire(wish, 5):
                await anyio.sleep_forever()

        group.start_soon(wait, large)
        await settle()
        group.start_soon(wait, Wish(turn=(1.0, 0)))
        await settle()
        fleet._slots.changed()
        two.may_stop.set()
        one.may_stop.set()
        await settle()
        assert (one.end, two.end) == ("has small", "the spare slot was needed")
        group.cancel_scope.cancel()


async def test_who_waits_for_a_trusted_node_beside_free_slots_takes_back_only_such_a_slot() -> None:
    better = static("fast", slots=2).model_copy(update={"model": "better"})
    fleet = registry(Hand(), static("slow", slots=2), better)
    measured(fleet, "slow", 20)
    measured(fleet, "fast", 60)
    picky = Wish(weak={"m": 1.0}, stake_s=1.0)
    async with anyio.create_task_group() as group, fleet.acquire(ANY, 1) as own:
        assert own.name == "fast"
        on_fast, on_slow = await lend(
            group, fleet, Wish(spare=True, prefer="static-fast"), Wish(spare=True, prefer="static-slow")
        )
        assert (on_fast.end, on_slow.end) == ("has fast", "has slow")
        assert await name_of(fleet, picky) == "fast"
        assert (on_fast.end, on_slow.end) == ("the spare slot was needed", "has slow")
        group.cancel_scope.cancel()


async def test_the_line_is_served_before_a_spare_slot_is_lent() -> None:
    fleet = registry(Hand(), static())
    order: list[str] = []

    async def take(name: str, wish: Wish) -> None:
        async with fleet.acquire(wish, 5):
            order.append(name)
            await checkpoint()

    async with anyio.create_task_group() as group, fleet.acquire(ANY, 1):
        group.start_soon(take, "spare", SPARE)
        await settle()
        group.start_soon(take, "wanted", ANY)
        await settle()
    assert order == ["wanted", "spare"]


def stop(borrower: Borrower) -> None:
    borrower.scope.cancel()


@pytest.mark.parametrize("rounds", range(8))
@pytest.mark.parametrize("also", [None, stop], ids=["taken back", "and stopped at once"])
async def test_nothing_leaks_when_somebody_stops_at_any_moment(
    rounds: int, also: Callable[[Borrower], None] | None
) -> None:
    fleet = registry(Hand(), static(slots=2), static("other"))
    borrowers = [Borrower(fleet) for _ in range(3)]

    async def want() -> None:
        async with AsyncExitStack() as held:
            for _ in range(3):
                await held.enter_async_context(fleet.acquire(ANY, 5))

    async with anyio.create_task_group() as group:
        for borrower in borrowers:
            group.start_soon(borrower.run)
        for _ in range(rounds // 2):
            await checkpoint()
        group.start_soon(want)
        for _ in range(rounds):
            await checkpoint()
        if also is not None:
            also(borrowers[-1])
            await checkpoint()
        group.cancel_scope.cancel()
    for name, slots in (("box", 2), ("other", 1)):
        assert (seen(fleet, name).free, seen(fleet, name).lent) == (slots, 0)
    async with fleet.acquire(ANY, 1), fleet.acquire(ANY, 1), fleet.acquire(ANY, 1):
        assert [seen(fleet, name).free for name in ("box", "other")] == [0, 0]
