"""Trials that are made up, for what is made of them."""

from collections.abc import Callable
from dataclasses import replace

from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.figures import Figures
from picegate.testbed.bench.hunt import Hunt, Point
from picegate.testbed.bench.trial import Trial

MEASURED = Figures(
    answers=100,
    failed=0,
    achieved_per_minute=0.0,
    latency_p50=10.0,
    latency_p95=0.0,
    latency_p99=30.0,
    in_time_share=1.0,
    first_p50=0.1,
    first_p95=0.2,
    at_once_share=0.0,
    token_gap_p50=0.03,
    stalls_per_answer=0.0,
    stalled_share=0.0,
    words_per_answer=230.0,
    cloud_tokens=300.0,
    edge_tokens=0.0,
    cost=0.001,
    edge_busy=0.5,
    edge_slots=0.5,
    cloud_busy=0.9,
    cloud_slots=0.9,
    cached_share=0.9,
    cpu_ms_per_answer=20.0,
    late_share=0.0,
    worst_lag_s=0.0,
    modes={"cloud": 100},
)


class Made(Crew):
    """Makes up trials: the 95th percentile is at the objective where the load is what a policy `carries`."""

    def __init__(self, carries: Callable[[Point], float]) -> None:
        self._carries = carries
        self.asked: list[int] = []  # the seed of each trial

    def later(self, point: Point, then: Callable[[Trial], None]) -> None:
        self.asked.append(point.load.seed)
        load, most = point.load.per_minute, self._carries(point)
        p95 = 30.0 * load / most
        figures = replace(MEASURED, latency_p50=p95 / 2, latency_p95=p95, achieved_per_minute=min(load, most))
        then(Trial(point.policy.name, point.site.edges, point.load, figures))

    def hunt(self, hunt: Hunt) -> None:
        while (point := hunt.next()) is not None:
            self.later(point, hunt.tell)

    def finish(self) -> None:
        pass
