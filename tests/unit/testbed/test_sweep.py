"""What a sweep makes of its trials. The trials themselves are made up here."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from picegate.core.errors import ConfigError
from picegate.testbed.bench.axes import AXES, axis_of
from picegate.testbed.bench.hunt import Point
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.page import sweep_page
from picegate.testbed.bench.policies import AUTO, CLOUD, EDGE, ROUTE
from picegate.testbed.bench.sweep import MEASURES, Sweep
from picegate.testbed.bench.sweep_report import sweep_tables
from picegate.testbed.bench.workload import VICUNA, workload
from picegate.testbed.emulated.profile import load_profile
from picegate.testbed.emulated.site import Site
from tests.unit.testbed.made import MEASURED, Made

SITE = Site(load_profile("headline-cloud"), load_profile("headline-orin"), edges=4)
ASKED = workload(VICUNA)


def swept(
    axis: str, carries: Callable[[Point], float], *, seeds: tuple[int, ...] = (1,), tries: int = 0
) -> tuple[Sweep, Made]:
    policies = (AUTO, CLOUD, EDGE, ROUTE)
    of = Sweep(axis_of(axis), SITE, Load(60.0, 120.0), ASKED, policies, seeds=seeds, tries=tries)
    crew = Made(carries)
    of.measure(crew)
    return of, crew


def slow_edges_hurt(point: Point) -> float:
    """Ours is as good as the cloud until edges are slow, and worse from then on."""
    slow = point.site.edge_faults.slowness
    carries = {"auto": 120.0 if slow < 10 else 80.0, "cloud": 100.0, "edge": 90.0 / slow, "route": 95.0}
    return carries[point.policy.name]


def test_the_bar_is_about_the_value_where_ours_stands_worst() -> None:
    of, _ = swept("slowness", slow_edges_hurt)
    p50, p95 = of.bars()
    assert p95.name.endswith("worst at slowness 10")
    assert p95.figure == pytest.approx(100 / 80)
    assert p50.figure == pytest.approx(100 / 80)
    assert not p95.met
    assert p95.spread == (pytest.approx(100 / 120), pytest.approx(100 / 80))


def test_the_best_rival_is_told_for_every_value() -> None:
    of, _ = swept("slowness", lambda p: 200.0 / p.site.edge_faults.slowness if p.policy is EDGE else 50.0)
    rivals = {one.value: one.rival for one in of.standings(MEASURES["p95 latency"])}
    assert rivals[1] == "edge"
    assert rivals[30] in ("cloud", "route")


def test_seeds_are_averaged_and_their_spread_is_told() -> None:
    of, crew = swept("slowness", lambda p: (100.0 + 10.0 * p.load.seed) if p.policy is AUTO else 100.0, seeds=(1, 2))
    assert len(crew.asked) == of.trial_count == 2 * 5 * 4
    worst = of.standings(MEASURES["p95 latency"])[0]
    assert worst.ratio == pytest.approx((100 / 110 + 100 / 120) / 2)
    assert worst.spread == pytest.approx((100 / 120, 100 / 110))


def test_where_nobody_can_answer_ours_is_not_worse() -> None:
    of, _ = swept("slowness", lambda _: 1.0)
    lost = replace(MEASURED, latency_p50=math.inf, latency_p95=math.inf)
    of.trials = {key: replace(trial, figures=lost) for key, trial in of.trials.items()}
    assert [bar.figure for bar in of.bars()] == [1.0, 1.0]


def test_throughput_is_searched_at_every_value_and_compared() -> None:
    of, _ = swept("slowness", slow_edges_hurt, tries=6)
    bar = of.bars()[-1]
    assert bar.name.startswith("throughput at the objective over the best")
    assert bar.name.endswith(("worst at slowness 10", "worst at slowness 30"))
    assert bar.figure == pytest.approx(0.8, rel=0.05)
    assert not bar.met
    assert {row["policy"] for row in of.throughput_data()} == {"auto", "cloud", "edge", "route"}


def test_table_and_page_show_every_metric() -> None:
    of, _ = swept("slowness", slow_edges_hurt, tries=4)
    standings, throughput, trials = sweep_tables(of)
    assert len(standings.lines) == len(throughput.lines) == 5
    assert len(trials.lines) == 5 * 4
    wanted = {"in 30 s", "p50 s", "p95 s", "p99 s", "first s", "ms/token", "stalls", "cloud tok", "cost/1000", "slots"}
    assert wanted <= set(trials.columns)
    page = sweep_page(of, of.bars())
    assert "EMULATED" in page
    assert 'class="missed"' in page
    for title in (
        "Throughput at the objective",
        "99th percentile of latency",
        "Time to first token",
        "Time between tokens",
        "Pauses over 1 s",
        "Time in which an edge computes",
    ):
        assert title in page


def test_plots_are_of_means_over_seeds() -> None:
    def dots(carries: Callable[[Point], float], seeds: tuple[int, ...]) -> list[str]:
        of, _ = swept("slowness", carries, seeds=seeds)
        (plot,) = [svg for svg in sweep_page(of, of.bars()).split("<svg") if "Median latency" in svg]
        assert of.told in plot
        return re.findall(r'c[xy]="([\d.]+)"', plot)

    both = dots(lambda point: 60.0 if point.load.seed == 1 else 20.0, (1, 2))  # medians of 15 and 45 s
    assert both == dots(lambda _: 30.0, (1,))  # of 30 s


def test_a_plot_names_the_policies_that_have_no_such_figure() -> None:
    of, _ = swept("slowness", slow_edges_hurt)
    for key, trial in of.trials.items():
        if key[0] == "route":
            of.trials[key] = replace(trial, figures=replace(trial.figures, token_gap_p50=math.nan))
    (plot,) = [svg for svg in sweep_page(of, of.bars()).split("<svg") if "Time between tokens, median" in svg]
    assert "route: none" in plot
    assert "cloud: none" not in plot


def test_a_bar_of_which_one_trial_lacks_is_neither_met_nor_missed() -> None:
    of, _ = swept("slowness", slow_edges_hurt)
    del of.trials["route", 30, 1]
    assert [bar.verdict for bar in of.bars()] == ["not measured"] * 2
    assert [bar.figure for bar in of.bars()] == [None] * 2
    standings = sweep_tables(of)[0]
    assert {line[0]: line[1] for line in standings.lines}["30"] == "-"
    assert 'class="unmeasured"' in sweep_page(of, of.bars())


def test_a_search_that_was_broken_off_found_nothing() -> None:
    of, _ = swept("slowness", slow_edges_hurt, tries=4)
    broken_off = of.hunts["edge", 4, 1]
    broken_off.search.seen = broken_off.search.seen[:1]
    assert of.bars()[-1].met is None
    throughput = sweep_tables(of)[1]
    assert {line[0]: line[throughput.columns.index("edge")] for line in throughput.lines}["4"] == "-"
    (row,) = [row for row in of.throughput_data() if (row["policy"], row["value"]) == ("edge", 4)]
    assert row["per_minute"] is None


def test_a_seed_that_was_broken_off_is_in_no_mean() -> None:
    of, _ = swept("slowness", lambda p: (100.0 + 10.0 * p.load.seed) if p.policy is AUTO else 100.0, seeds=(1, 2))
    of.done.remove(2)
    assert [bar.met for bar in of.bars()] == [None, None]
    ratios = [one.ratio for one in of.standings(MEASURES["p95 latency"])]
    assert ratios == pytest.approx([100 / 110] * len(of.axis.values))
    assert "seed 1 (of 1, 2: stopped early)" in sweep_tables(of)[0].title
    assert "Stopped early" in sweep_page(of, of.bars())


def test_rivals_that_were_not_asked_for_are_not_named() -> None:
    of = Sweep(axis_of("edges"), SITE, Load(60.0, 120.0), ASKED, (AUTO, CLOUD))
    of.measure(Made(lambda _: 100.0))
    assert all("over the best of cloud, worst at" in bar.name for bar in of.bars())
    assert "edge" not in sweep_tables(of)[0].title.split("(")[0]


def test_edge_is_left_out_where_there_are_no_edges() -> None:
    of, crew = swept("edges", lambda _: 100.0)
    assert ("edge", 1, 1) in of.trials
    assert ("edge", 0, 1) not in of.trials
    assert of.without_edges == (0,)
    assert len(crew.asked) == of.trial_count == 6 * 4 - 1
    assert all(bar.met for bar in of.bars())


@pytest.mark.parametrize("name", list(AXES))
def test_every_axis_changes_something_and_can_be_offered(name: str) -> None:
    axis = axis_of(name)
    settings = [axis.apply(value, SITE, Load(60.0, 120.0), ASKED) for value in axis.values]
    assert all(one != other for one, other in combinations(settings, 2))


def test_no_edges_and_very_slow_edges_are_among_the_values() -> None:
    assert 0 in axis_of("edges").values
    assert max(axis_of("slowness").values) >= 10


def test_make_sweeps_every_axis() -> None:
    makefile = Path(__file__).parents[3] / "Makefile"
    (line,) = [line for line in makefile.read_text().splitlines() if line.startswith("AXES ?= ")]
    assert set(line.removeprefix("AXES ?= ").split()) == set(AXES)


def test_an_unknown_axis_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="load, edges, edge-rtt"):
        axis_of("colour")
