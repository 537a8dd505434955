"""What the headline makes of its trials: bars, tables, page. The trials themselves are made up here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.figures import Figures
from picegate.testbed.bench.headline import Headline, Scope, headline
from picegate.testbed.bench.headline_report import headline_rows, limits
from picegate.testbed.bench.hunt import Hunt, Point
from picegate.testbed.bench.page import headline_page
from picegate.testbed.bench.policies import AUTO
from picegate.testbed.bench.trial import Trial, gateway_settings
from picegate.testbed.bench.workload import VICUNA, workload
from picegate.testbed.emulated.profile import load_profile

CLOUD, EDGE = load_profile("headline-cloud"), load_profile("headline-orin")
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
        figures = replace(MEASURED, latency_p95=30.0 * load / most, achieved_per_minute=min(load, most))
        then(Trial(point.policy.name, point.site.edges, point.load, figures))

    def hunt(self, hunt: Hunt) -> None:
        while (point := hunt.next()) is not None:
            self.later(point, hunt.tell)

    def finish(self) -> None:
        pass


def measured(scope: Scope | None = None) -> tuple[Headline, Made]:
    of = headline(scope or Scope(), CLOUD, EDGE, workload(VICUNA))
    bounds = {edges: bound.per_s * 60 for edges, bound in of.bounds.items()}

    def carries(point: Point) -> float:
        share = 0.95 if point.policy is AUTO else 0.7
        return share * bounds[point.site.edges] * (1.0 + 0.01 * point.load.seed)

    crew = Made(carries)
    of.measure(crew)
    return of, crew


def test_the_gateway_knows_how_many_calls_the_cloud_serves_at_once() -> None:
    settings = gateway_settings(AUTO, "http://cloud/v1", CLOUD, Path("anywhere"))
    assert settings["cloud"]["max_in_flight"] == CLOUD.engine.slots


def test_the_bar_over_pice_like_is_measured_with_the_most_edges_and_how_far_the_bound_lies_above_it_is_told() -> None:
    of, _ = measured()
    (bar,) = [bar for bar in of.bars() if bar.name.startswith("throughput over pice-like")]
    assert "with 8 edges" in bar.name
    assert bar.figure == pytest.approx(0.95 / 0.7, rel=0.02)
    assert of.ceiling("pice-like", 4) == pytest.approx(1 / 0.707, rel=0.02)
    assert any("with 4 edges the bound is 1.4" in line for line in limits(of))


def test_a_seed_is_finished_before_the_next_is_begun() -> None:
    _, crew = measured(Scope(seeds=(1, 2, 3)))
    assert crew.asked == sorted(crew.asked)
    assert set(crew.asked) == {1, 2, 3}


def test_the_progress_bar_knows_about_how_many_trials_there_will_be() -> None:
    of, crew = measured()
    assert of.trial_count == pytest.approx(len(crew.asked), rel=0.3)


def test_bars_and_table_tell_the_spread_over_seeds() -> None:
    of, _ = measured(Scope(seeds=(1, 2)))
    spreads = [bar.spread for bar in of.bars() if "share of the bound" in bar.name]
    assert all(low <= high for low, high in spreads)
    rows = headline_rows(of)
    over = rows.columns.index("over seeds")
    assert all(" to " in line[over] for line in rows.lines)


def test_the_page_has_the_table_and_what_it_rests_on() -> None:
    of, _ = measured()
    page = headline_page(of, of.bars())
    assert "<td>pice-like</td><td>8</td>" in page
    assert "capacity bound over the cloud alone" in page
    assert "EMULATED" in page
    assert "<p>Made 2" in page
