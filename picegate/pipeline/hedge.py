"""Two tries at one passage: whoever begins to write first goes on, the other is stopped.

A second try starts when the first has its node and is silent for longer than the plan's `hedge_s`. Only one of them
ever writes, so what the reader sees needs no repair.
"""

from collections.abc import Awaitable, Callable

import anyio

from picegate.core.errors import EdgeError


class Try:
    """One of the tries, as the leg that runs it sees it."""

    def __init__(self, race: "Race", number: int) -> None:
        self._race = race
        self.number = number
        self.scope = anyio.CancelScope()

    @property
    def is_second(self) -> bool:
        return self.number > 0

    def asked(self, node_id: str) -> None:
        """A node has been found for it, and is asked now."""
        self._race.nodes.add(node_id)
        self._race.begun.set()

    def writes(self) -> bool:
        """Its text has come: from now on it is the only one. False where another was faster: this one is stopped."""
        return self._race.win(self)


class Race:
    def __init__(self) -> None:
        self.nodes: set[str] = set()  # that a try was sent to
        self.begun = anyio.Event()  # the first try has its node
        self._won = anyio.Event()
        self._winner: Try | None = None
        self._tries: list[Try] = []

    def win(self, winner: Try) -> bool:
        if self._winner is None:
            self._winner = winner
            self._won.set()
            for other in self._tries:
                if other is not winner:
                    other.scope.cancel()
        return self._winner is winner

    async def run(self, attempt: Callable[[Try], Awaitable[None]], hedge_s: float) -> None:
        """
        Raises:
            EdgeError: of the first try, where no try succeeded.
        """
        failures: list[EdgeError] = []
        done = 0

        async def go(number: int) -> None:
            nonlocal done
            one = Try(self, number)
            self._tries.append(one)
            with one.scope:
                try:
                    await attempt(one)
                except EdgeError as error:
                    failures.insert(0 if number == 0 else len(failures), error)
                else:
                    done += 1
                    self.win(one)
                finally:
                    self.begun.set()
                    if number == 0:
                        timer.cancel()

        timer = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(go, 0)
            with timer:
                await self.begun.wait()
                with anyio.move_on_after(hedge_s):
                    await self._won.wait()
                if not self._won.is_set():
                    group.start_soon(go, 1)
        if not done:
            raise failures[0]
