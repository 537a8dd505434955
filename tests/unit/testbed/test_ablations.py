"""What the ablations make of their trials. The trials themselves are made up here."""

import pytest

from picegate.testbed.bench.ablations import FAULTS, STRAGGLER, Ablations
from picegate.testbed.bench.ablations_report import ablation_tables
from picegate.testbed.bench.hunt import Point
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.page import ablations_page
from picegate.testbed.bench.policies import ABLATIONS, AUTO
from picegate.testbed.bench.workload import VICUNA, workload
from picegate.testbed.emulated.profile import load_profile
from picegate.testbed.emulated.site import Site
from tests.unit.testbed.made import Made

SITE = Site(load_profile("headline-cloud"), load_profile("headline-orin"), edges=4)


def measured(seeds: tuple[int, ...] = (1,), **better: float) -> tuple[Ablations, Made]:
    """Ours carries 150 a minute, without a part 120; `better`: others, by what they lack. Faults cost half."""

    def carries(point: Point) -> float:
        well = 150.0 if point.policy is AUTO else better.get(point.policy.name.removeprefix("auto-no-"), 120.0)
        return well / 2 if point.site.edge_faults == FAULTS else well

    of = Ablations(SITE, Load(1.0, 120.0), workload(VICUNA), seeds=seeds, tries=5)
    crew = Made(carries)
    of.measure(crew)
    return of, crew


def test_every_part_is_left_out_once_and_measured_with_faults_and_without() -> None:
    of, crew = measured()
    assert {policy for policy, _ in of.hunts} == {"auto", *(policy.name for policy in ABLATIONS)}
    assert of.well.keys() == of.faulty.keys() == of.hunts.keys()
    assert len(crew.asked) <= of.trial_count


def test_the_load_is_a_share_of_what_the_cloud_alone_can_do() -> None:
    of, _ = measured()
    assert of.per_minute == pytest.approx(0.7 * 72.0, rel=0.01)
    assert {trial.load.per_minute for trial in of.well.values()} == {of.per_minute}


def test_with_faults_some_calls_fail_and_one_edge_is_slow() -> None:
    assert min(FAULTS.die, FAULTS.stall, FAULTS.mute) > 0
    assert STRAGGLER > 1


def test_a_part_without_which_ours_would_be_better_misses_the_bar() -> None:
    good, _ = measured()
    assert all(bar.met for bar in good.bars())
    bad, _ = measured(hedging=180.0)
    throughput = bad.bars()[0]
    assert "(auto-no-hedging)" in throughput.name
    assert throughput.figure == pytest.approx(150 / 180, rel=0.03)
    assert not any(bar.met for bar in bad.bars())


def test_tables_set_everyone_beside_ours() -> None:
    of, _ = measured(seeds=(1, 2))
    well, faulty = ablation_tables(of)
    assert len(well.lines) == len(faulty.lines) == 1 + len(ABLATIONS)
    lines = {line[0]: line for line in well.lines}
    share = well.columns.index("of ours")
    assert lines["auto"][share] == "1.00"
    assert float(lines["auto-no-sharing"][share]) == pytest.approx(0.8, abs=0.03)
    assert "seeds 1, 2" in well.title


def test_the_page_says_what_is_missing_and_with_which_faults() -> None:
    of, _ = measured()
    page = ablations_page(of, of.bars(), ["with faults: some"])
    assert "late passages not begun elsewhere" in page
    assert "with faults: some" in page
    assert page.count("<svg") == 5


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    of, _ = measured()
    of.faulty.clear()
    of.hunts = {key: hunt for key, hunt in of.hunts.items() if key[0] == "auto"}
    verdicts = {bar.name.split(" at ")[0]: bar.verdict for bar in of.bars()}
    assert verdicts == {
        "throughput": "not measured",
        "p50 latency": "met",
        "p95 latency": "met",
        "p50 latency with faults": "not measured",
        "p95 latency with faults": "not measured",
    }
    well, faulty = ablation_tables(of)
    assert {line[1] == "-" for line in well.lines if line[0] != "auto"} == {True}
    assert {cell for line in faulty.lines for cell in line[1:]} == {"-"}


def test_a_seed_that_was_broken_off_is_in_no_mean() -> None:
    whole, _ = measured()
    of, _ = measured(seeds=(1, 2))
    of.done.remove(2)
    del of.faulty["auto", 2]
    assert all(bar.met is None for bar in of.bars())
    assert "seed 1 (of 1, 2: stopped early)" in ablation_tables(of)[0].title
    assert [table.lines for table in ablation_tables(of)] == [table.lines for table in ablation_tables(whole)]
    assert "Stopped early" in ablations_page(of, of.bars(), [])
    assert "Stopped early" not in ablations_page(whole, whole.bars(), [])
