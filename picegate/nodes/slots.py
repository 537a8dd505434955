"""Who gets which slot: the choice of a node, and the line of those who wait for one."""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio

from picegate.core.errors import NoNode
from picegate.core.plan import NodeState, NodeView
from picegate.core.ports import Clock, Wish
from picegate.nodes.memory import NodeStore
from picegate.nodes.node import Node
from picegate.planning.placement import Leg, place

_Needs = tuple[int, frozenset[str]]


def fits(node: Node, wish: Wish, now: float) -> bool:
    """Whether the node could take this leg, were a slot free."""
    return (
        node.state(now) is NodeState.READY
        and node.id not in wish.exclude
        and (node.context_tokens is None or node.context_tokens >= wish.context_tokens)
    )


def choose(nodes: Iterable[NodeView], wish: Wish) -> NodeView | None:
    """The node with a free slot that this leg goes to (`planning.placement.place`).

    None: no fitting node has a free slot, or it is better to wait for one.
    """
    return place(
        nodes,
        Leg(wish.tokens, wish.prompt_tokens),
        context_tokens=wish.context_tokens,
        prefer=wish.prefer,
        exclude=wish.exclude,
        warmed=wish.warmed,
        weak=wish.weak,
        stake_s=wish.stake_s,
    )


def _needs(wish: Wish) -> _Needs:
    return wish.context_tokens, wish.exclude


def _all_of(wish: Wish) -> tuple[object, ...]:
    """What the choice of a node depends on."""
    weak = tuple(wish.weak.items())
    return *_needs(wish), wish.prefer, wish.tokens, wish.prompt_tokens, wish.warmed, weak, wish.stake_s


@dataclass(slots=True, eq=False)
class _Waiter:
    wish: Wish
    number: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    node: Node | None = None  # its slot is taken already


@dataclass(slots=True, eq=False)
class _Lent:
    """A spare slot in use."""

    node: Node
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class _Held:
    """A slot that nobody takes back. A class, since one stands around every leg: a generator would cost more."""

    def __init__(self, slots: "Slots", wish: Wish, timeout_s: float) -> None:
        self._slots = slots
        self._wish = wish
        self._timeout_s = timeout_s

    async def __aenter__(self) -> NodeView:
        self._node = await self._slots.wait(self._wish, self._timeout_s)
        return self._node.view(self._slots.clock())

    async def __aexit__(self, *_: object) -> None:
        self._slots.give_back(self._node, self._wish)


class Slots:
    """Hands out slots by turn (the oldest request's first point first), then in order of arrival.

    One whose wish cannot be met yet does not hold up those behind. A spare slot is lent: who has it gives it up as soon
    as somebody else finds none.
    """

    def __init__(self, store: NodeStore, clock: Clock) -> None:
        self._store = store
        self.clock = clock
        self._line: list[_Waiter] = []  # sorted by turn, spare wishes last
        self._count = 0
        self._lent: list[_Lent] = []

    def acquire(self, wish: Wish, timeout_s: float) -> AbstractAsyncContextManager[NodeView]:
        """A slot, given back on leaving.

        Raises:
            NoNode: no node fits, whether at once or later while waiting; or none was free within `timeout_s` seconds;
                or a spare slot was taken back, which cancels what is done in the block.
        """
        return self._lend(wish, timeout_s) if wish.spare else _Held(self, wish, timeout_s)

    @asynccontextmanager
    async def _lend(self, wish: Wish, timeout_s: float) -> AsyncIterator[NodeView]:
        node = await self.wait(wish, timeout_s)
        lent = _Lent(node)
        try:
            self._lent.append(lent)
            with lent.scope:
                yield node.view(self.clock())
        finally:
            self._lent.remove(lent)
            self.give_back(node, wish)
        if lent.scope.cancelled_caught:
            raise NoNode("the spare slot was needed")

    def give_back(self, node: Node, wish: Wish) -> None:
        """What `wait` has taken."""
        node.give_back(spare=wish.spare)
        self.changed()

    def changed(self) -> None:
        """Something may have come free or gone away: serve the line, and wake those whose hope is gone."""
        now = self.clock()
        # No node that fits has a slot: who needs the same need not look. Or those that have one are not worth it: who
        # wishes for just the same need not look.
        full: set[_Needs] = set()
        picky: set[tuple[object, ...]] = set()
        for waiter in tuple(self._line):
            wish, node = waiter.wish, None
            if not (full and _needs(wish) in full) and not (picky and _all_of(wish) in picky):
                chosen = choose((n.view(now) for n in self._store), wish)
                node = self._store.get(chosen.id) if chosen is not None else None
                if node is None and any(n.free(now) > 0 and fits(n, wish, now) for n in self._store):
                    picky.add(_all_of(wish))
                elif node is None:
                    full.add(_needs(wish))
            if node is not None:
                node.take(spare=wish.spare)
                waiter.node = node
                self._line.remove(waiter)
                waiter.woken.set()
            elif not self._hope(wish, now):
                waiter.woken.set()
        if self._lent:
            self._take_back(now)

    async def wait(self, wish: Wish, timeout_s: float) -> Node:
        """The node on which a slot was taken. Raises what `acquire` does on entering."""
        self._count += 1
        waiter = _Waiter(wish, self._count)
        insort(self._line, waiter, key=lambda other: (other.wish.spare, other.wish.turn, other.number))
        try:
            self.changed()
            if waiter.node is not None:  # nearly always
                return waiter.node
            with anyio.move_on_after(timeout_s):
                while True:
                    if not self._hope(wish, self.clock()):
                        raise NoNode("no edge node fits this request")
                    waiter.woken.clear()  # it is set where hope was gone for a moment
                    with anyio.move_on_after(self._next_change_s()):
                        await waiter.woken.wait()
                    self.changed()
                    if waiter.node is not None:
                        return waiter.node
            # The slot may have been handed over in the moment when the time ran out.
            if waiter.node is not None:
                return waiter.node
            raise NoNode(f"no edge node was free within {timeout_s:g} s")
        except BaseException:
            if waiter.node is not None:  # cancelled after the slot was handed over
                waiter.node.give_back(spare=wish.spare)
                self.changed()
            raise
        finally:
            if waiter in self._line:
                self._line.remove(waiter)

    def _take_back(self, now: float) -> None:
        """Ask for a spare slot for all in the line whom none is coming to. It comes when its leg has been stopped."""
        coming = [lent.node for lent in self._lent if lent.scope.cancel_called]
        for waiter in self._line:
            if waiter.wish.spare:
                continue
            node = next((node for node in coming if fits(node, waiter.wish, now)), None)
            if node is not None:
                coming.remove(node)
            elif not (lent := [lent for lent in self._lent if not lent.scope.cancel_called]):
                return
            elif (chosen := choose(self._views(now, lent), waiter.wish)) is not None:
                # Who waits beside free slots waits for a better node: only there is a spare slot of use.
                youngest = next((one for one in reversed(lent) if one.node.id == chosen.id), None)
                if youngest is not None:
                    youngest.scope.cancel()

    def _views(self, now: float, lent: Sequence[_Lent]) -> Iterator[NodeView]:
        """All nodes as they would be with these spare slots free."""
        extra = Counter(one.node.id for one in lent)
        for node in self._store:
            view = node.view(now)
            yield replace(view, free=view.free + extra[node.id]) if node.id in extra else view

    def _hope(self, wish: Wish, now: float) -> bool:
        return any(fits(node, wish, now) for node in self._store)

    def _next_change_s(self) -> float | None:
        """Seconds until time alone changes something (a lease ends, a breaker lets a try through); None: never."""
        now = self.clock()
        changes = [node.lease_until - now for node in self._store if node.lease_until is not None]
        changes += [wait for node in self._store if (wait := node.breaker.opens_again_s(now)) is not None]
        return min((wait for wait in changes if wait > 0), default=None)
