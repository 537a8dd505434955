"""How many calls may be on their way to the cloud at once, and how many may wait for a place."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from picegate.core.errors import Overloaded

_LONGEST_RETRY_S = 30.0
_MEMORY = 0.2  # weight of the newest holding time in the average


class Gate:
    """`limit` places; a queue of at most `max_queued`, in order of arrival, with a deadline of `queue_s` seconds."""

    def __init__(self, limit: int, max_queued: int, queue_s: float) -> None:
        self.limit = limit
        self.in_flight = 0
        self._max_queued = max_queued
        self._queue_s = queue_s
        self._waiting: deque[anyio.Event] = deque()
        self._held_s = 1.0  # average time that a place is held

    @property
    def queued(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One place, given back on leaving.

        Raises:
            Overloaded: the queue is full, or the deadline passed in it.
        """
        await self._enter()
        since = anyio.current_time()
        try:
            yield
        finally:
            self._held_s += _MEMORY * (anyio.current_time() - since - self._held_s)
            self._leave()

    async def _enter(self) -> None:
        if self.in_flight < self.limit:  # then nobody waits: a place that is left goes to the next in line
            self.in_flight += 1
            return
        if len(self._waiting) >= self._max_queued:
            raise Overloaded("too many requests are waiting for the cloud", retry_after_s=self._retry_after_s())
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            with anyio.move_on_after(self._queue_s):
                await turn.wait()
        except BaseException:
            # Cancelled. The place may have been handed over in this very moment: it must not be lost.
            if turn.is_set():
                self._leave()
            else:
                self._waiting.remove(turn)
            raise
        if not turn.is_set():
            self._waiting.remove(turn)
            raise Overloaded(
                f"no place at the cloud came free within {self._queue_s:g} s", retry_after_s=self._retry_after_s()
            )

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()  # the place changes hands; nobody can overtake
        else:
            self.in_flight -= 1

    def _retry_after_s(self) -> float:
        """When the queue seen now will have been served, seconds, from how long places were held."""
        served_s = self._held_s * (len(self._waiting) + 1) / self.limit
        return min(max(served_s, 1.0), _LONGEST_RETRY_S)
