"""How long the planner's decisions take as the fleet grows. Real time, medians, in this process."""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio

from picegate.core.chat import Ask, Message
from picegate.core.plan import CloudView, NodeView
from picegate.core.ports import Observation, Wish
from picegate.nodes.lifecycle import Registry
from picegate.planning.choice import Rules
from picegate.planning.latency import CLOUD_GUESS
from picegate.planning.length import LengthModel
from picegate.planning.load import Load
from picegate.planning.planner import Experience, plan
from picegate.planning.prices import market
from picegate.planning.sizing import MOST_PARTS, Moment, parts
from picegate.planning.survey import survey
from picegate.settings import FleetSettings, StaticNodeSettings

SIZES = (10, 100, 1_000, 10_000)
BAR_NODES, BAR_MS = 1_000, 1.0
SLOTS = 8
QUESTION = "What are the main causes of stress at work and how can people deal with them?"


@dataclass(frozen=True, slots=True)
class Growth:
    """Medians in ms at one size of the fleet.

    Attributes:
        plan: who answers a request, every option weighed.
        place: a slot for one passage, taken and given back.
        size: whether a long point is cut.
    """

    nodes: int
    plan: float
    place: float
    size: float

    @property
    def met(self) -> bool:
        """The bar is about one size; all others are shown only."""
        return self.nodes != BAR_NODES or max(self.plan, self.place, self.size) <= BAR_MS


def growth(sizes: Sequence[int], times: int) -> list[Growth]:
    """`times`: decisions of each kind at every size."""
    return [anyio.run(_at, size, times) for size in sizes]


async def _at(size: int, times: int) -> Growth:
    registry = fleet(size)
    views = registry.view()
    sized = _sized_ms(registry, times)
    return Growth(size, plan=_planned_ms(views, times), place=await _placed_ms(registry, times), size=sized)


def fleet(size: int) -> Registry:
    """Nodes of seven speeds, each known from a leg that it has written."""
    nodes = [StaticNodeSettings(name=f"n{n}", url="http://n:1/v1", model="m", slots=SLOTS) for n in range(size)]
    registry = Registry(FleetSettings(), nodes, clock=time.monotonic)
    for number, node in enumerate(registry.view()):
        registry.observe(node.id, Observation(True, 0.1, 90, 90 * (0.03 + number % 7 / 500), 300, batch=1))
    return registry


def _planned_ms(views: Sequence[NodeView], times: int) -> float:
    ask = Ask("r", "pice", (Message("user", QUESTION),), {})
    forecast, experience = LengthModel().forecast(ask), Experience(arrivals_per_s=2.0)
    cloud = CloudView(limit=16, in_flight=16, queued=8, waiting=(200.0,) * 8)
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        plan(ask, forecast, cloud, views, Rules(), experience)
        taken.append(time.perf_counter() - start)
    return _median_ms(taken)


def _sized_ms(registry: Registry, times: int) -> float:
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        seen = survey(registry.view(), 400)
        sides = market(CloudView(limit=16, in_flight=16), CLOUD_GUESS, seen, Load(), 2.0)
        parts(240.0, 180, MOST_PARTS, Moment(seen, sides, seen.free, 300.0))
        taken.append(time.perf_counter() - start)
    return _median_ms(taken)


async def _placed_ms(registry: Registry, times: int) -> float:
    taken: list[float] = []
    for _ in range(times):
        slot: AbstractAsyncContextManager[NodeView] = registry.acquire(Wish(), 1.0)
        start = time.perf_counter()
        async with slot:
            pass
        taken.append(time.perf_counter() - start)
    return _median_ms(taken)


def _median_ms(taken: list[float]) -> float:
    return 1000 * sorted(taken)[len(taken) // 2]
