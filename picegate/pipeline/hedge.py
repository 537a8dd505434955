"""Two tries at one passage: whoever begins to write first goes on, the other is stopped.

A second try starts when the first has its node and is silent for longer than the plan's `hedge_s`. Only one of them
ever writes, so what the reader sees needs no repair.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

import anyio

from picegate.core.errors import EdgeError


class Try:
    """One of the tries, as the leg that runs it sees it. Attribute `node`: id of the one that is asked."""

    def __init__(self, race: "Race", number: int) -> None:
        self._race = race
        self.number = number
        self.scope = anyio.CancelScope()
        self.node: str | None = None

    @property
    def is_second(self) -> bool:
        return self.number > 0

    def asked(self, node_id: str) -> None:
        """A node has been found for it, and is asked now."""
        self.node = node_id
        self._race.nodes.add(node_id)
        if not self.is_second:
            self._race.begun()

    def writes(self) -> bool:
        """Its text has come: from now on it is the only one. False where another was faster: this one is stopped."""
        return self._race.win(self)


class Race:
    """
    Attributes:
        nodes: ids of those that a try was sent to.
        outrun: of the one that was silent until the second try wrote on another.
    """

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.outrun: str | None = None
        self._winner: Try | None = None
        self._tries: list[Try] = []
        self._failures: list[EdgeError] = []
        self._hedge_s = math.inf
        self._hedge: Callable[[], None] = lambda: None  # begins the second try
        self._alarm: asyncio.TimerHandle | None = None
        self._second: asyncio.Task[bool] | None = None

    def begun(self) -> None:
        """The first try has its node: from now on its silence counts."""
        if self._winner is None and self._alarm is None and self._hedge_s < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(self._hedge_s, self._hedge)

    def win(self, winner: Try) -> bool:
        if self._winner is None:
            self._winner = winner
            self._call_off()
            for other in self._tries:
                if other is not winner:
                    self.outrun = other.node if winner.is_second else None
                    other.scope.cancel()
        return self._winner is winner

    async def run(self, attempt: Callable[[Try], Awaitable[None]], hedge_s: float) -> None:
        """
        Raises:
            EdgeError: of the first try, where no try succeeded.
        """

        def hedge() -> None:
            self._second = asyncio.create_task(self._go(attempt, 1))

        # The first try runs right here: nearly always it is the only one, and a task of its own would cost more than
        # all else of a race.
        self._hedge, self._hedge_s = hedge, hedge_s
        try:
            done = await self._go(attempt, 0)
            self._call_off()
            if self._second is not None:
                done = await self._second or done
        finally:
            self._call_off()
            if self._second is not None and not self._second.done():
                self._second.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait((self._second,))
        if not done:
            raise self._failures[0]

    async def _go(self, attempt: Callable[[Try], Awaitable[None]], number: int) -> bool:
        """Whether this try has written the passage."""
        one = Try(self, number)
        self._tries.append(one)
        with one.scope:
            try:
                await attempt(one)
            except EdgeError as error:
                one.node = None  # whoever saw it fail has told of it
                self._failures.insert(0 if not one.is_second else len(self._failures), error)
            else:
                self.win(one)
                return True
        return False

    def _call_off(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
