"""A real front door over a scripted answerer: real keys, ledger, registry and metrics, real sockets."""

import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from openai import AsyncOpenAI, OpenAI

from picegate.access.keys import KeyStore
from picegate.access.limits import RateLimiter
from picegate.accounting.ledger import Ledger
from picegate.accounting.prices import prices_of
from picegate.api.deps import House
from picegate.api.routes import build_api
from picegate.core.chat import Ask, Mode
from picegate.core.events import Event, Finished, Planned
from picegate.core.plan import CloudView, Forecast, Plan, Reason
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally, Tokens
from picegate.database import open_database
from picegate.nodes.lifecycle import Registry
from picegate.settings import Settings
from picegate.telemetry.metrics import Metrics
from picegate.testbed.server import LoopServer

CLOUD_PLAN = Plan(Mode.CLOUD, Reason("forced", "the client asked for the cloud"), forced=True)
PROGRESSIVE_PLAN = Plan(
    Mode.PROGRESSIVE,
    Reason("long_answer", "about 300 tokens – expected"),
    level=2,
    max_points=4,
    forecast=Forecast(prompt_tokens=12, answer_tokens=300),
    notes=("a note",),
    numbers={"slots_free": 3},
)


def tally() -> Tally:
    """A progressive answer: one sketch, two passages, one of them begun twice."""
    return Tally(
        legs=[
            LegRecord(LegKind.SKETCH, "cloud", "big", 0.0, None, 0.2, 1.0, LegEnd.DONE, None, Tokens(100, 40, 64, 5)),
            LegRecord(LegKind.EXPAND, "orin-1", "small", 0.5, 1, 0.6, 1.5, LegEnd.DONE, None, Tokens(50, 60)),
            LegRecord(LegKind.EXPAND, "orin-2", "small", 0.4, 0, None, 0.9, LegEnd.FAILED, "edge_timeout", Tokens(50)),
            LegRecord(LegKind.HEDGE, "orin-3", "small", 0.9, 0, 1.0, 1.6, LegEnd.DONE, None, Tokens(50, 70)),
        ],
        prompt_tokens=20,
        completion_tokens=160,
        first_token_s=0.25,
        total_s=1.75,
    )


def finished(reason: str = "stop") -> Finished:
    return Finished(reason, tally())


Step = Event | Exception | anyio.Event


@dataclass
class Script:
    """An answerer that plays steps: events are sent on, errors raised, `anyio.Event`s awaited.

    `asked`: every request so far. `open`: answers whose context has not been left yet. `left`: set when one is.
    """

    steps: Sequence[Step]
    asked: list[Ask] = field(default_factory=list)
    open: int = 0
    entered: anyio.Event = field(default_factory=anyio.Event)
    left: anyio.Event = field(default_factory=anyio.Event)

    @asynccontextmanager
    async def __call__(self, ask: Ask) -> AsyncIterator[AsyncIterator[Event]]:
        self.asked.append(ask)
        self.open += 1
        self.entered.set()
        try:
            async with anyio.create_task_group() as legs:  # as the pipeline has one: it wraps what it lets through
                yield self._play()
                legs.cancel_scope.cancel()
        finally:
            self.open -= 1
            self.left.set()

    async def _play(self) -> AsyncIterator[Event]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, anyio.Event):
                await step.wait()
            else:
                yield step


@dataclass
class Door:
    """A served house. `root` has no slash at its end."""

    root: str
    house: House
    script: Script
    secret: str = "unused"

    @property
    def port(self) -> int:
        return int(self.root.rsplit(":", 1)[1])

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[AsyncOpenAI]:
        defaults: dict[str, Any] = {
            "base_url": f"{self.root}/v1",
            "api_key": self.secret,
            "max_retries": 0,
            "timeout": 10,
        }
        async with AsyncOpenAI(**{**defaults, **options}) as client:
            yield client

    def sync_client(self) -> OpenAI:
        """The blocking client, for use in a thread."""
        return OpenAI(base_url=f"{self.root}/v1", api_key=self.secret, max_retries=0, timeout=10)

    @contextmanager
    def socket(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as raw:
            yield raw


@asynccontextmanager
async def door(
    folder: Path, *steps: Step, cloud_up: bool = True, plan: Plan | Exception = PROGRESSIVE_PLAN, **overrides: Any
) -> AsyncIterator[Door]:
    """Serve a front door whose answers play `steps`. No key is required unless `access` says so."""
    settings = Settings(
        **{
            "access": {"require_key": False},
            "cloud": {"base_url": "http://127.0.0.1:9/v1", "model": "big", "price_input": 2.0, "price_output": 8.0},
            "models": {"gpt-4o": {}, "org/tiny": {"mode": "edge"}},
            **overrides,
        }
    )
    database = open_database(f"sqlite:///{folder}/ledger.db")
    prices = prices_of(settings.cloud, settings.fleet)
    ledger = Ledger(database, prices)
    registry = Registry(settings.fleet, settings.nodes, clock=anyio.current_time)
    script = Script(steps)

    def decide(_: Ask) -> Plan:
        if isinstance(plan, Exception):
            raise plan
        return plan

    house = House(
        settings=settings,
        answer=script,
        plan=decide,
        cloud_view=lambda: CloudView(up=cloud_up, model="big"),
        registry=registry,
        standings=lambda _: {},
        keys=KeyStore(database),
        limiter=RateLimiter(settings.access.requests_per_minute),
        ledger=ledger,
        prices=prices,
        metrics=Metrics(fleet=registry.view),
    )
    secret, _ = house.keys.create("tests")
    server = LoopServer(build_api(house))
    try:
        await server.start()
        yield Door(server.root, house, script, secret)
    finally:
        await server.stop()
        ledger.close()
        database.dispose()


def progressive(*events: Event) -> tuple[Event, ...]:
    return (Planned(PROGRESSIVE_PLAN), *events, finished())
