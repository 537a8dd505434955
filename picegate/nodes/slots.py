"""Who gets which slot: the choice of a node, and the line of those who wait for one."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from picegate.core.errors import NoNode
from picegate.core.plan import NodeState
from picegate.core.ports import Clock, Wish
from picegate.nodes.memory import NodeStore
from picegate.nodes.node import Node

_UNMEASURED = 1.0  # where no node was measured yet, only free slots count


def fits(node: Node, wish: Wish, now: float) -> bool:
    """Whether the node could take this leg, were a slot free."""
    return (
        node.state(now) is NodeState.READY
        and node.id not in wish.exclude
        and (node.context_tokens is None or node.context_tokens >= wish.context_tokens)
    )


def choose(nodes: Iterable[Node], wish: Wish, now: float) -> Node | None:
    """The node with a free slot that this leg goes to: the preferred one, else the fastest, weighted by its free share.

    The share stands for what a sequence loses to its neighbours in the batch. A node not measured yet counts as fast as
    the fastest, so that it is tried. None: no fitting node has a free slot.
    """
    ready = [node for node in nodes if fits(node, wish, now) and node.free(now) > 0]
    fastest = max((node.speed for node in ready if node.speed), default=_UNMEASURED)
    best: Node | None = None
    best_score = -1.0
    for node in ready:
        if node.id == wish.prefer:
            return node
        score = (node.speed or fastest) * node.free(now) / node.slots
        if score > best_score:
            best, best_score = node, score
    return best


@dataclass(slots=True, eq=False)
class _Waiter:
    wish: Wish
    woken: anyio.Event = field(default_factory=anyio.Event)
    node: Node | None = None  # its slot is taken already


class Slots:
    """Hands out slots in order of arrival; one whose wish cannot be met yet does not hold up those behind."""

    def __init__(self, store: NodeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._line: list[_Waiter] = []

    @asynccontextmanager
    async def acquire(self, wish: Wish, timeout_s: float) -> AsyncIterator[Node]:
        """A slot, given back on leaving.

        Raises:
            NoNode: no node fits, whether at once or later while waiting; or none was free within `timeout_s` seconds.
        """
        node = await self._wait(wish, timeout_s)
        try:
            yield node
        finally:
            node.give_back()
            self.changed()

    def changed(self) -> None:
        """Something may have come free or gone away: serve the line, and wake those whose hope is gone."""
        now = self._clock()
        for waiter in tuple(self._line):
            node = choose(self._store, waiter.wish, now)
            if node is not None:
                node.take()
                waiter.node = node
                self._line.remove(waiter)
                waiter.woken.set()
            elif not self._hope(waiter.wish, now):
                waiter.woken.set()

    async def _wait(self, wish: Wish, timeout_s: float) -> Node:
        waiter = _Waiter(wish)
        self._line.append(waiter)
        try:
            with anyio.move_on_after(timeout_s):
                while True:
                    self.changed()
                    if waiter.node is not None:
                        return waiter.node
                    if not self._hope(wish, self._clock()):
                        raise NoNode("no edge node fits this request")
                    if waiter.woken.is_set():  # hope was gone for a moment
                        waiter.woken = anyio.Event()
                    with anyio.move_on_after(self._next_change_s()):
                        await waiter.woken.wait()
            # The slot may have been handed over in the moment when the time ran out.
            if waiter.node is not None:
                return waiter.node
            raise NoNode(f"no edge node was free within {timeout_s:g} s")
        except BaseException:
            if waiter.node is not None:  # cancelled after the slot was handed over
                waiter.node.give_back()
                self.changed()
            raise
        finally:
            if waiter in self._line:
                self._line.remove(waiter)

    def _hope(self, wish: Wish, now: float) -> bool:
        return any(fits(node, wish, now) for node in self._store)

    def _next_change_s(self) -> float | None:
        """Seconds until time alone changes something (a lease ends, a breaker lets a try through); None: never."""
        now = self._clock()
        changes = [node.lease_until - now for node in self._store if node.lease_until is not None]
        changes += [wait for node in self._store if (wait := node.breaker.opens_again_s(now)) is not None]
        return min((wait for wait in changes if wait > 0), default=None)
