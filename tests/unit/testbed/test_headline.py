"""What the headline makes of its trials: bars, tables, page. The trials themselves are made up here."""

from pathlib import Path

import pytest

from picegate.testbed.bench.headline import Headline, Scope, headline
from picegate.testbed.bench.headline_report import headline_data, headline_rows, limits
from picegate.testbed.bench.hunt import Point
from picegate.testbed.bench.page import headline_page
from picegate.testbed.bench.policies import AUTO
from picegate.testbed.bench.trial import gateway_settings
from picegate.testbed.bench.workload import VICUNA, workload
from picegate.testbed.emulated.profile import load_profile
from tests.unit.testbed.made import Made

CLOUD, EDGE = load_profile("headline-cloud"), load_profile("headline-orin")


def measured(seeds: tuple[int, ...] = (1,)) -> tuple[Headline, Made]:
    of = headline(Scope(), CLOUD, EDGE, workload(VICUNA), seeds)
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
    _, crew = measured((1, 2, 3))
    assert crew.asked == sorted(crew.asked)
    assert set(crew.asked) == {1, 2, 3}


def test_the_progress_bar_knows_about_how_many_trials_there_will_be() -> None:
    of, crew = measured()
    assert of.trial_count == pytest.approx(len(crew.asked), rel=0.3)


def test_bars_and_table_tell_the_spread_over_seeds() -> None:
    of, _ = measured((1, 2))
    spreads = [bar.spread for bar in of.bars() if "share of the bound" in bar.name]
    assert all(spread is not None and spread[0] <= spread[1] for spread in spreads)
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


def test_a_headline_broken_off_in_its_first_seed_has_dashes_and_bars_that_are_not_measured() -> None:
    of, _ = measured()
    of.done.clear()
    of.points.clear()
    broken_off = of.hunts["auto", 8, 1]
    broken_off.search.seen = broken_off.search.seen[:1]
    verdicts = {bar.name: bar.verdict for bar in of.bars()}
    assert verdicts["throughput over cloud alone with 4 edges, share of the bound (2.24x)"] == "met"
    assert verdicts["throughput over cloud alone with 8 edges, share of the bound (3.43x)"] == "not measured"
    assert verdicts["first token at light load, times the cloud's"] == "not measured"
    assert "MISSED" not in verdicts.values()
    rows = headline_rows(of)
    assert "seed 1 as far as it went" in rows.title
    (line,) = [line for line in rows.lines if line[:2] == ("auto", "8")]
    assert line[rows.columns.index("answers/min")] == line[rows.columns.index("of the bound")] == "-"
    assert not any("nan" in cell for line in rows.lines for cell in line)
    assert "Stopped early" in headline_page(of, of.bars())


def test_a_headline_broken_off_in_its_second_seed_shows_the_first() -> None:
    whole, _ = measured()
    of, _ = measured((1, 2))
    of.done.remove(2)
    del of.points["cloud", 0.2, 2]
    verdicts = {bar.name: bar.verdict for bar in of.bars()}
    assert verdicts["first token at light load, times the cloud's"] == "not measured"
    assert headline_rows(of).lines == headline_rows(whole).lines
    data = headline_data(of, of.bars())
    assert (data["seeds"], data["seeds_done"]) == ([1, 2], [1])
