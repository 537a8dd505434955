"""How many calls may be on their way to the cloud at once, and who of those that wait is next."""

import asyncio
from bisect import insort
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio

from picegate.core.errors import Overloaded
from picegate.planning.queue import Ticket, ticket, wait_s

_LONGEST_RETRY_S = 30.0
_MEMORY = 0.1  # weight of the newest holding time in the average
_TOKEN_S = 0.03  # that a place is held per token, until it was measured
_MEASURED = 3  # calls after which the measured time is believed enough to turn somebody away by it


class _Place:
    """As `Gate.place` gives it. A class, since one stands around every call: a generator would cost more."""

    def __init__(
        self, gate: "Gate", tokens: float | None, patience_s: float, placed: Callable[[int], None] | None
    ) -> None:
        self._gate = gate
        self._tokens = tokens
        self._patience_s = patience_s
        self._placed = placed

    async def __aenter__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._own = self._gate.ticket(self._now(), self._tokens, self._patience_s)
        await self._gate.enter(self._own)
        self._since = self._now()
        if self._placed is not None:
            self._placed(self._gate.in_flight)

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave(self._own, self._now() - self._since)


class Gate:
    """`limit` places, and a queue of at most `max_queued` in the order of `planning.queue`.

    Whoever would wait longer than `queue_s` seconds is turned away at once, and whoever did, then.
    """

    def __init__(self, limit: int, max_queued: int, queue_s: float) -> None:
        self.limit = limit
        self.in_flight = 0
        self._max_queued = max_queued
        self._queue_s = queue_s
        self._line: list[Ticket] = []  # sorted
        self._turns: dict[int, asyncio.Event] = {}  # by ticket number
        self._count = 0
        self._token_s = _TOKEN_S
        self._served = 0

    @property
    def queued(self) -> int:
        return len(self._line)

    @property
    def waiting(self) -> tuple[float, ...]:
        """The tokens expected of each call that waits, the next one first."""
        return tuple(ticket.tokens for ticket in self._line)

    def place(
        self, tokens: float | None = None, patience_s: float = 0.0, placed: Callable[[int], None] | None = None
    ) -> AbstractAsyncContextManager[None]:
        """One place, given back on leaving.

        Args:
            tokens: what the call is expected to write; None: not known.
            patience_s: by so much later does it count as having come.
            placed: told how many places are taken once this one is.

        Raises:
            Overloaded: the queue is full or too long, or the deadline passed in it.
        """
        return _Place(self, tokens, patience_s, placed)

    def ticket(self, now: float, tokens: float | None, patience_s: float) -> Ticket:
        self._count += 1
        return ticket(now, self._count, tokens, patience_s, self._token_s)

    def leave(self, own: Ticket, held_s: float) -> None:
        """Give back a place that was held for so long."""
        self._served += 1
        self._token_s += max(_MEMORY, 1.0 / self._served) * (held_s / own.tokens - self._token_s)
        self._leave()

    async def enter(self, own: Ticket) -> None:
        """Take a place. Raises what `place` does."""
        if self.in_flight < self.limit:  # then nobody waits: a place that is left goes to the next in line
            self.in_flight += 1
            return
        hopeless = self._served >= _MEASURED and wait_s(self._line, own, self._token_s, self.limit) > self._queue_s
        if hopeless or len(self._line) >= self._max_queued:
            raise Overloaded("too many requests are waiting for the cloud", retry_after_s=self._retry_after_s())
        turn = self._turns[own.number] = asyncio.Event()
        insort(self._line, own)
        try:
            with anyio.move_on_after(self._queue_s):
                await turn.wait()
        except BaseException:
            # Cancelled. The place may have been handed over in this very moment: it must not be lost.
            if turn.is_set():
                self._leave()
            else:
                self._line.remove(own)
            raise
        finally:
            del self._turns[own.number]
        if not turn.is_set():
            self._line.remove(own)
            raise Overloaded(
                f"no place at the cloud came free within {self._queue_s:g} s", retry_after_s=self._retry_after_s()
            )

    def _leave(self) -> None:
        if self._line:
            self._turns[self._line.pop(0).number].set()  # the place changes hands; nobody can overtake
        else:
            self.in_flight -= 1

    def _retry_after_s(self) -> float:
        """When the queue seen now will have been served, seconds, from how long places were held."""
        served_s = sum(self.waiting) * self._token_s / self.limit
        return min(max(served_s, 1.0), _LONGEST_RETRY_S)
