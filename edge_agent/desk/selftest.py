"""The agent measures itself: at its start and every so often, while nobody needs it.

It registers first, with nothing known, and measures in the background: a box that is slow enough to be worth measuring
would otherwise stay out of service for up to the whole budget, and the curve reaches the gateway one heartbeat later.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import anyio

from edge_agent.desk.desk import Desk
from edge_agent.engine import trial

log = logging.getLogger("edge_agent")

BUDGET_S = 20.0  # of one sitting
QUIET_S = 2.0  # so long nobody may have come before it begins
FIRST_PAUSE_S = 30.0  # after a sitting that was cut short; the next pause is twice as long, up to `every_s`

Step = Callable[[], Awaitable[None]]


class House(Protocol):
    """All who share the processor."""

    async def idle(self) -> None:
        """Return when nobody has work."""
        ...

    def spare_time(self) -> AbstractContextManager[None]:
        """What runs in here is cancelled when somebody gets work."""
        ...


class SelfTest:
    """Measures prefill, then decode at each of the pace's sizes, smallest first; what is measured is believed at once.

    A sitting is cut short by its budget and by whoever comes; the rest of the round is measured in a later one.
    `house` is what has to be idle for it, where that is more than the desk. `clock` is the desk's; `sleep` waits for so
    many seconds.
    """

    def __init__(
        self,
        desk: Desk,
        house: House | None = None,
        *,
        every_s: float,
        budget_s: float = BUDGET_S,
        clock: trial.Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._desk = desk
        self._house: House = house or desk
        self._every_s = every_s
        self._budget_s = budget_s
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.round()
            await self._sleep(self._every_s)

    async def round(self) -> None:
        """Measure everything once, in as many sittings as it takes."""
        steps = self._steps()
        pause_s = FIRST_PAUSE_S
        while True:
            await self._house.idle()
            await self._sitting(steps)
            if not steps:
                break
            await self._sleep(min(pause_s, self._every_s))
            pause_s *= 2
        log.info("measured: %s", shown(self._desk))

    async def _sitting(self, steps: list[Step]) -> None:
        """Take the steps that are done off the list, and one that by itself outlasts the budget."""
        before = len(steps)
        with self._house.spare_time():
            await self._sleep(QUIET_S)
            with anyio.move_on_after(self._budget_s) as budget:
                while steps:
                    try:
                        await steps[0]()
                    except Exception as error:  # whatever breaks here, real work must be tried all the same
                        log.warning("a self-test failed: %r", error)
                    del steps[0]
            if budget.cancelled_caught and len(steps) == before:
                log.warning("a self-test took longer than %g s and is left out", self._budget_s)
                del steps[0]

    def _steps(self) -> list[Step]:
        decodes = [partial(self._decode, size) for size in self._desk.pace.sizes]
        return [partial(trial.warm_up, self._desk.engine), self._prefill, *decodes]

    async def _prefill(self) -> None:
        rate = await trial.prefill(self._desk.engine, random.Random(), self._clock)  # noqa: S311 (no secret)
        if rate is not None:
            self._desk.pace.tested_prefill(rate, self._clock())

    async def _decode(self, sequences: int) -> None:
        rate = await trial.decode(self._desk.engine, sequences, self._clock)
        if rate is not None:
            self._desk.pace.tested_decode(sequences, rate, self._clock())


def shown(desk: Desk) -> str:
    """The curve in one line."""
    curve = desk.pace.curve()
    prefill = "-" if curve.prefill is None else f"{curve.prefill.tokens_per_s:.0f}"
    decode = ", ".join(f"{rate.tokens_per_s:.1f} at {count}" for count, rate in curve.decode) or "-"
    return f"prefill {prefill} tok/s; decode, all sequences together, {decode} tok/s"
