"""What the front door needs of the house; `app.py` builds it."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from picegate.access.keys import KeyStore
from picegate.access.limits import RateLimiter
from picegate.accounting.ledger import Ledger
from picegate.accounting.prices import Prices
from picegate.core.chat import Ask
from picegate.core.events import Event
from picegate.core.plan import CloudView, NodeView, Plan
from picegate.nodes.lifecycle import Registry
from picegate.planning.standing import Standing
from picegate.settings import Settings
from picegate.telemetry.metrics import Metrics


class Answerer(Protocol):
    def __call__(self, ask: Ask) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer a request. Leaving the context stops every upstream leg.

        Iterating raises a `PiceError` where the request fails, whether before the first output or after it.
        """
        ...


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    answer: Answerer
    plan: Callable[[Ask], Plan]  # decides without running
    cloud_view: Callable[[], CloudView]
    registry: Registry
    standings: Callable[[Iterable[NodeView]], Mapping[str, Standing]]  # of a fleet's models
    keys: KeyStore
    limiter: RateLimiter
    ledger: Ledger
    prices: Prices
    metrics: Metrics
