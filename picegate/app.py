"""The one place that builds the house: `serve`, the demo, the testbed and the tests all call `create_app`."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import anyio
from fastapi import FastAPI

from picegate.access.keys import KeyStore
from picegate.access.limits import RateLimiter
from picegate.accounting.ledger import Ledger
from picegate.accounting.prices import prices_of
from picegate.accounting.savings import bill
from picegate.api.deps import House
from picegate.api.routes import build_api
from picegate.assembly.scoring import score
from picegate.clients.cloud import CloudClient
from picegate.clients.edge import EdgeClient
from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.core.events import Event, Finished, RawChunk, ReasoningDelta, TextDelta
from picegate.core.plan import Plan
from picegate.database import open_database
from picegate.nodes.lifecycle import Registry
from picegate.pipeline.answer import Answering, Pipeline
from picegate.pipeline.memory import Memory
from picegate.pipeline.outside import Judge, Outside
from picegate.pipeline.strategist import Strategist
from picegate.settings import Settings
from picegate.telemetry.logs import RequestLog
from picegate.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_PIECES = (RawChunk, TextDelta, ReasoningDelta)

Listener = Callable[[Ask, Event], None]


def create_app(settings: Settings, judge: Judge = score) -> FastAPI:
    """The gateway as an ASGI app. Opens the database at once, so a bad storage.url is told before the port is taken.

    `judge`: of passages; the testbed's emulated models write no prose that the real one could look at.

    Raises:
        ConfigError: storage.url cannot be opened.
    """
    cloud = CloudClient(settings.cloud)
    edge = EdgeClient(settings.fleet)
    registry = Registry(settings.fleet, settings.nodes, clock=time.monotonic)
    database = open_database(settings.storage.url)
    memory = Memory(database)
    strategist = _strategist(settings, memory.read())
    outside = Outside(
        cloud, edge, registry, strategist, settings.progressive, settings.cloud.guided, settings.quality, judge
    )
    pipeline = Pipeline(outside, time.monotonic)
    prices = prices_of(settings.cloud, settings.fleet)
    ledger = Ledger(database, prices, store_text=settings.storage.store_text)
    metrics = Metrics(partial(bill, prices=prices), registry.view, strategist.standings, cloud.view)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(database.dispose)
            stack.callback(ledger.close)
            stack.push_async_callback(edge.aclose)
            stack.push_async_callback(cloud.aclose)
            stack.callback(lambda: memory.write(strategist.as_data()))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(memory.keep, strategist.as_data)
                yield
                tasks.cancel_scope.cancel()

    house = House(
        settings=settings,
        answer=Listened(
            pipeline,
            (strategist.listen, ledger.listen, metrics.listen, RequestLog().listen),
            (ledger.listen, metrics.listen) if settings.storage.store_text else (metrics.listen,),
        ),
        plan=pipeline.plan,
        cloud_view=cloud.view,
        registry=registry,
        standings=strategist.standings,
        keys=KeyStore(database),
        limiter=RateLimiter(settings.access.requests_per_minute),
        ledger=ledger,
        prices=prices,
        metrics=metrics,
    )
    return build_api(house, lifespan)


def offline_planner(settings: Settings) -> Callable[[Ask], Plan]:
    """Plans as the gateway of these settings would with an idle cloud and all its static nodes ready; opens nothing."""
    registry = Registry(settings.fleet, settings.nodes, clock=time.monotonic)
    cloud, edge = CloudClient(settings.cloud), EdgeClient(settings.fleet)
    strategist = _strategist(settings, {})
    outside = Outside(cloud, edge, registry, strategist, settings.progressive, settings.cloud.guided, settings.quality)
    return Pipeline(outside, time.monotonic).plan


def _strategist(settings: Settings, memory: Mapping[str, Any]) -> Strategist:
    quality = settings.quality
    return Strategist(
        settings.progressive,
        settings.planner,
        time.monotonic,
        memory,
        threshold=quality.threshold if quality.scores else None,
        candidates=quality.most_candidates,
    )


class Listened:
    """The pipeline with listeners: each is told of every event, and of a `Finished` whichever way a request ends.

    Of pieces of the answer only `of_pieces` are told: there is one for every token. A listener that fails is logged;
    the request goes on.
    """

    def __init__(self, pipeline: Pipeline, listeners: Sequence[Listener], of_pieces: Sequence[Listener]) -> None:
        self._pipeline = pipeline
        self._listeners = listeners
        self._of_pieces = of_pieces

    def __call__(self, ask: Ask) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return _Heard(ask, self._pipeline.answer(ask), self._tell)

    def _tell(self, ask: Ask, event: Event) -> None:
        for listener in self._of_pieces if isinstance(event, _PIECES) else self._listeners:
            try:
                listener(ask, event)
            except Exception:
                log.exception("a listener failed", extra={"request_id": ask.request_id})


class _Heard(AsyncIterator[Event]):
    """One request: entered, it yields the events, and whoever leaves it stops what is left of it."""

    def __init__(self, ask: Ask, answering: Answering, tell: Listener) -> None:
        self._ask = ask
        self._answering = answering
        self._tell = tell
        # The `Finished` to tell of where the pipeline could send none.
        self._reason = "cancelled"
        self._error: str | None = None
        self._told = False

    async def __aenter__(self) -> AsyncIterator[Event]:
        self._run = await self._answering.__aenter__()
        return self

    async def __aexit__(self, *how: object) -> None:
        try:
            await self._answering.__aexit__(*how)
        finally:
            if not self._told:
                self._tell(self._ask, Finished(self._reason, self._run.tally, self._error))

    async def __anext__(self) -> Event:
        try:
            event = await self._run.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._reason, self._error = "error", error.code if isinstance(error, PiceError) else "internal_error"
            raise
        self._told = self._told or isinstance(event, Finished)
        self._tell(self._ask, event)
        return event
