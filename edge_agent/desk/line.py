"""The line in front of the slots: bounded, the most urgent first, and nobody waits who would wait in vain."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from edge_agent.desk.average import moved
from edge_agent.errors import Overloaded, TooLate

LEAST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


@dataclass(slots=True, eq=False)
class _Waiter:
    """Attributes `served`: it holds a slot. `refused`: someone more urgent took its place in the line."""

    rank: tuple[int, int]  # priority, then order of arrival
    turn: anyio.Event = field(default_factory=anyio.Event)
    served: bool = False
    refused: bool = False


class Line:
    """At most `slots` hold a slot and at most `room` wait for one. `clock` gives seconds, monotonic.

    Attribute `busy`: slots that are held.
    """

    def __init__(self, slots: int, room: int, clock: Callable[[], float]) -> None:
        self.busy = 0
        self._slots = slots
        self._room = room
        self._clock = clock
        self._waiting: list[_Waiter] = []  # the next one first
        self._arrivals = 0
        self._held_s: float | None = None
        self._moved = anyio.Event()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def wait_s(self, priority: int = 0) -> float:
        """How long somebody who came now would probably wait, seconds; 0 where that is not known yet."""
        if self.busy < self._slots:
            return 0.0
        ahead = sum(waiter.rank[0] <= priority for waiter in self._waiting)
        return (self._held_s or 0.0) * (ahead + 1) / self._slots

    @asynccontextmanager
    async def slot(self, priority: int = 0, within_s: float = math.inf) -> AsyncIterator[None]:
        """A slot, given back on leaving. Smaller priorities come first, equal ones in the order of their arrival.

        Raises:
            Overloaded: the line is full, at once or when someone more urgent came.
            TooLate: no slot within `within_s` seconds; at once, where that can be foreseen.
        """
        await self._take(priority, within_s)
        since = self._clock()
        try:
            yield
        finally:
            self._held_s = moved(self._held_s, self._clock() - since)
            self._give_back()

    async def empty(self) -> None:
        """Return when nobody holds a slot and nobody waits."""
        while self.busy or self._waiting:
            await self._moved.wait()

    async def _take(self, priority: int, within_s: float) -> None:
        if self.busy < self._slots:
            self.busy += 1
            return
        if (expected := self.wait_s(priority)) > within_s:
            raise self._too_late(within_s, f"about {expected:.1f} s are expected")
        self._make_room(priority)
        self._arrivals += 1
        waiter = _Waiter((priority, self._arrivals))
        self._waiting.append(waiter)
        self._waiting.sort(key=lambda other: other.rank)
        try:
            with anyio.move_on_after(within_s):
                await waiter.turn.wait()
        except BaseException:
            if waiter.served:
                self._give_back()
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._has_moved()
        if waiter.refused:
            raise self._full()
        if not waiter.served:
            raise self._too_late(within_s, "it has passed")

    def _make_room(self, priority: int) -> None:
        if len(self._waiting) < self._room:
            return
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.rank[0] <= priority:
            raise self._full()
        self._waiting.remove(last)
        last.refused = True
        last.turn.set()

    def _give_back(self) -> None:
        if self._waiting:
            waiter = self._waiting.pop(0)
            waiter.served = True
            waiter.turn.set()
        else:
            self.busy -= 1
        self._has_moved()

    def _has_moved(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    def _full(self) -> Overloaded:
        return Overloaded("All slots are busy and the queue is full.", retry_after_s=self._retry_s())

    def _too_late(self, within_s: float, why: str) -> TooLate:
        message = f"The answer was to begin within {within_s:g} s, but all slots are busy: {why}."
        return TooLate(message, retry_after_s=self._retry_s())

    def _retry_s(self) -> float:
        return min(max(self.wait_s(), LEAST_RETRY_S), LONGEST_RETRY_S)
