"""The corridor from a request to its events: plan it, run the plan, stop every leg on leaving."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import assert_never

import anyio

from picegate.core.chat import Ask, Mode
from picegate.core.plan import Plan
from picegate.core.ports import Clock
from picegate.pipeline.direct import from_cloud, from_edge
from picegate.pipeline.outside import Outside
from picegate.pipeline.progressive import progressive
from picegate.pipeline.run import Run


class Pipeline:
    def __init__(self, outside: Outside, clock: Clock) -> None:
        self._outside = outside
        self._clock = clock

    def plan(self, ask: Ask) -> Plan:
        """How `ask` would be answered at this moment. Raises what `planning.planner.plan` raises."""
        return self._outside.strategist.plan(ask, self._outside.cloud.view(), self._outside.fleet.view())

    def answer(self, ask: Ask) -> "Answering":
        """Answer `ask`: a context whose run yields the events, and that closes every upstream leg when it is left."""
        run = Run(ask, self._clock, self._outside.strategist.arrive())
        return Answering(run, self._produce)

    async def _produce(self, run: Run) -> None:
        try:
            chosen = self.plan(run.ask)
            run.follow(chosen)
            match chosen.mode:
                case Mode.CLOUD:
                    await from_cloud(run, chosen, self._outside)
                case Mode.PROGRESSIVE:
                    await progressive(run, chosen, self._outside)
                case Mode.EDGE:
                    await from_edge(run, chosen, self._outside)
                case _:
                    assert_never(chosen.mode)
        except Exception as error:  # also a fault of ours: the reader of the events must learn of it, not wait for ever
            run.fail(error)
        finally:
            run.end()


class Answering:
    """The context of one request. A class, since one stands around every request: a generator would cost more."""

    def __init__(self, run: Run, produce: Callable[[Run], Coroutine[None, None, None]]) -> None:
        self._run = run
        self._produce = produce

    async def __aenter__(self) -> Run:
        # One task that raises nothing and is waited for below: a task group would cost more than all else here.
        self._producer = asyncio.create_task(self._produce(self._run))
        return self._run

    async def __aexit__(self, *_: object) -> None:
        try:
            if not self._producer.done():
                self._producer.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait((self._producer,))
        finally:
            self._run.close()
