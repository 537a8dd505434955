"""The one place that builds the house: `serve`, the demo, the testbed and the tests all call `create_app`."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from picegate.access.keys import KeyStore
from picegate.access.limits import RateLimiter
from picegate.accounting.ledger import Ledger
from picegate.accounting.prices import prices_of
from picegate.api.deps import House
from picegate.api.routes import build_api
from picegate.clients.cloud import CloudClient
from picegate.clients.edge import EdgeClient
from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.core.events import Event, Finished
from picegate.core.plan import Plan
from picegate.database import open_database
from picegate.nodes.lifecycle import Registry
from picegate.pipeline.answer import Pipeline
from picegate.pipeline.outside import Outside
from picegate.settings import Settings
from picegate.telemetry.logs import RequestLog
from picegate.telemetry.metrics import Metrics

Listener = Callable[[Ask, Event], None]


def create_app(settings: Settings) -> FastAPI:
    """The gateway as an ASGI app. Opens the database at once, so a bad storage.url is told before the port is taken.

    Raises:
        ConfigError: storage.url cannot be opened.
    """
    cloud = CloudClient(settings.cloud)
    edge = EdgeClient(settings.fleet)
    registry = Registry(settings.fleet, settings.nodes, clock=time.monotonic)
    pipeline = Pipeline(Outside(cloud, edge, registry, settings.progressive, settings.cloud.guided), time.monotonic)

    database = open_database(settings.storage.url)
    prices = prices_of(settings.cloud, settings.fleet)
    ledger = Ledger(database, prices, store_text=settings.storage.store_text)
    metrics = Metrics(prices, registry.view)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(database.dispose)
            stack.callback(ledger.close)
            stack.push_async_callback(edge.aclose)
            stack.push_async_callback(cloud.aclose)
            yield

    house = House(
        settings=settings,
        answer=listened(pipeline, (ledger.listen, metrics.listen, RequestLog().listen)),
        plan=pipeline.plan,
        cloud_view=cloud.view,
        registry=registry,
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
    return Pipeline(Outside(cloud, edge, registry, settings.progressive, settings.cloud.guided), time.monotonic).plan


def listened(pipeline: Pipeline, listeners: Sequence[Listener]) -> "Callable[[Ask], Answering]":
    """The pipeline with listeners: each one is told of every event, and of a `Finished` whichever way a request ends."""

    @asynccontextmanager
    async def answer(ask: Ask) -> AsyncIterator[AsyncIterator[Event]]:
        def tell(event: Event) -> None:
            for listener in listeners:
                listener(ask, event)

        ending = "cancelled"
        error_code: str | None = None

        async def told(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
            nonlocal ending, error_code
            try:
                async for event in events:
                    if isinstance(event, Finished):
                        ending = "told"
                    tell(event)
                    yield event
            except PiceError as error:
                ending, error_code = "error", error.code
                raise

        run = None
        try:
            async with pipeline.answer(ask) as run:
                yield told(run)
        finally:
            if run is not None and ending != "told":
                tell(Finished(ending, run.tally, error_code))

    return answer
