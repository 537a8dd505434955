"""How many calls may be on their way to the cloud at once, and who of those that wait is next."""

import asyncio
from bisect import insort
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio

from picegate.core.errors import Overloaded
from picegate.planning.queue import HoldModel, Ticket, ticket, wait_s

_LONGEST_RETRY_S = 30.0
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

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._gate.leave(self._own, self._now() - self._since if error is None else None)


class Gate:
    """`limit` places, and a queue of at most `max_queued` in the order of `planning.queue`.

    Whoever would wait longer than `queue_s` seconds is turned away at once, and whoever did, then. Where the queue is
    full, whoever stands last is turned away, be it the newcomer or not.
    """

    def __init__(self, limit: int, max_queued: int, queue_s: float) -> None:
        self.limit = limit
        self.in_flight = 0
        self._max_queued = max_queued
        self._queue_s = queue_s
        self._line: list[Ticket] = []  # sorted
        self._turns: dict[int, asyncio.Event] = {}  # by ticket number
        self._displaced: set[int] = set()  # tickets whose turn is to be turned away
        self._count = 0
        self._holds = HoldModel()

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
        return ticket(now, self._count, tokens, patience_s, self._holds.hold, self._queue_s)

    def leave(self, own: Ticket, held_s: float | None) -> None:
        """Give back a place that was held for so long; None: by a call that did not end well, so it says nothing."""
        if held_s is not None:
            self._holds.learn(own.tokens, held_s)
        self._leave()

    async def enter(self, own: Ticket) -> None:
        """Take a place. Raises what `place` does."""
        if self.in_flight < self.limit:  # then nobody waits: a place that is left goes to the next in line
            self.in_flight += 1
            return
        measured = self._holds.seen >= _MEASURED
        if measured and wait_s(self._line, own, self._holds.hold, self.limit) > self._queue_s:
            raise self._overloaded()
        if len(self._line) >= self._max_queued:
            if not self._line or self._line[-1] < own:
                raise self._overloaded()
            self._displace()
        turn = self._turns[own.number] = asyncio.Event()
        insort(self._line, own)
        try:
            with anyio.move_on_after(self._queue_s):
                await turn.wait()
        except BaseException:
            # Cancelled. The place may have been handed over in this very moment: it must not be lost.
            if not turn.is_set():
                self._line.remove(own)
            elif own.number not in self._displaced:
                self._leave()
            raise
        else:
            if own.number in self._displaced:
                raise self._overloaded()
        finally:
            del self._turns[own.number]
            self._displaced.discard(own.number)
        if not turn.is_set():
            self._line.remove(own)
            raise Overloaded(
                f"no place at the cloud came free within {self._queue_s:g} s", retry_after_s=self._retry_after_s()
            )

    def _displace(self) -> None:
        """Turn away whoever stands last."""
        last = self._line.pop().number
        self._displaced.add(last)
        self._turns[last].set()

    def _overloaded(self) -> Overloaded:
        return Overloaded("too many requests are waiting for the cloud", retry_after_s=self._retry_after_s())

    def _leave(self) -> None:
        if self._line:
            self._turns[self._line.pop(0).number].set()  # the place changes hands; nobody can overtake
        else:
            self.in_flight -= 1

    def _retry_after_s(self) -> float:
        """When the queue seen now will have been served, seconds, from how long places were held."""
        served_s = sum(ticket.hold_s for ticket in self._line) / self.limit
        return min(max(served_s, 1.0), _LONGEST_RETRY_S)
