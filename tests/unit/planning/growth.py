"""How long one decision and one placement take as the fleet grows: `python -m tests.unit.planning.growth`."""

import time
from collections.abc import Callable
from dataclasses import replace

from picegate.core.chat import Ask, Message
from picegate.core.plan import CloudView, NodeView, Pace
from picegate.core.ports import Wish
from picegate.nodes.lifecycle import Registry
from picegate.nodes.slots import choose
from picegate.planning.length import LengthModel
from picegate.planning.planner import Experience, Rules, plan
from picegate.settings import FleetSettings, StaticNodeSettings

SIZES = (10, 100, 1_000, 10_000)
QUESTION = "What are the main causes of stress at work and how can people deal with them?"


def fleet(size: int) -> list[NodeView]:
    return [
        NodeView(
            str(n),
            str(n),
            "http://n/v1",
            "m",
            8,
            n % 9,
            pace=Pace(0.05, 1 / 900, 0.03 + n % 7 / 500, 0.003),
            context_tokens=8192,
        )
        for n in range(size)
    ]


def registry(size: int) -> Registry:
    nodes = [StaticNodeSettings(name=f"n{n}", url="http://n:1/v1", model="m", slots=8) for n in range(size)]
    return Registry(FleetSettings(), nodes, clock=time.monotonic)


def median_ms(work: Callable[[], object], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * sorted(taken)[times // 2]


def main() -> None:
    ask = Ask("r", "pice", (Message("user", QUESTION),), {})
    lengths, experience = LengthModel(), Experience(arrivals_per_s=2.0)
    expected = lengths.forecast(ask)
    cloud = CloudView(limit=16, in_flight=16, queued=8, waiting=(200.0,) * 8)
    print(f"forecast: {median_ms(lambda: lengths.forecast(ask)):.3f} ms, learning: ", end="")
    print(f"{median_ms(lambda: lengths.learn(expected, 300)):.3f} ms")
    print(f"{'nodes':>7} {'plan':>9} {'view':>9} {'place':>9}   ms, medians")
    for size in SIZES:
        nodes, known, forecast = fleet(size), registry(size), lengths.forecast(ask)
        known.view()
        planned = median_ms(lambda: plan(ask, forecast, cloud, nodes, Rules(), experience))  # noqa: B023
        viewed = median_ms(known.view)
        stored = known._store
        placed = median_ms(lambda: choose(stored, replace(Wish()), time.monotonic()))  # noqa: B023
        print(f"{size:>7} {planned:>9.3f} {viewed:>9.3f} {placed:>9.3f}")


if __name__ == "__main__":
    main()
