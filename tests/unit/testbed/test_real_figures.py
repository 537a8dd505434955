"""The bench with real models, as far as it needs none: facts, sketches, intervals, bars, the file of results."""

import json
from pathlib import Path
from statistics import median

import pytest

from picegate.testbed.asking import Told
from picegate.testbed.quality.results import write
from picegate.testbed.real.facts import coverage, echo
from picegate.testbed.real.figures import bars as bars_of
from picegate.testbed.real.figures import by_point, gained, prolonged, stalled, summarise, worst_stall_s
from picegate.testbed.real.questions import Asked, questions
from picegate.testbed.real.resampling import estimate
from picegate.testbed.real.sketches import Sketch, independent
from picegate.testbed.real.trial import Answer, counted

NOTES = (
    "Exercise: 30 min aerobic 3x a week lowers cortisol"  # two numbers; exercise, aerobic, week, lowers, cortisol, min
)
SKETCH = Sketch(
    Asked("1", "How do I handle stress?"),
    (
        "Stress has many causes. ",
        "A few habits help.\n>>60 Exercise: 30 min",
        "\n>>60 Sleep: 7-9 h\nSee a doctor.",
    ),
)


def answer(covered: dict[int, float], last_s: float = 10.0, silence_s: float = 1.0) -> Answer:
    return Answer(covered, dict.fromkeys(covered, 0.0), 0, 0, last_s, silence_s)


def test_only_a_passage_that_says_little_else_than_its_notes_echoes_them() -> None:
    notes = "walking or running three times a week lowers cortisol"
    assert echo(notes, notes) == 1.0
    assert echo("Who walks or runs a few times each week will find less cortisol in the blood.", notes) == 0.0


def test_every_fact_of_the_notes_counts_once_and_alike() -> None:
    assert coverage("Aerobic exercise lowers cortisol: thirty minutes, three times a week, 30 min.", NOTES) == 1.0
    half = coverage("Aerobic exercise lowers cortisol.", NOTES)
    assert half is not None
    assert 0.4 < half < 0.7
    assert coverage("Bread is baked at 220 degrees.", NOTES) == 0.0
    assert coverage("3 and 3 again", "3, 3 and 3") == 1.0


def test_a_number_with_another_unit_is_another_number() -> None:
    assert coverage("40 minutes", "40 hours") == 0.0
    assert coverage("40 of them", "40 hours") == 0.5  # the number, not the word


def test_notes_without_facts_have_no_coverage() -> None:
    assert coverage("anything", "and so on") is None


def test_japanese_facts_are_counted() -> None:
    notes = "運動は週3回、30分が目安"
    assert coverage("目安は、運動を週に3回、30分です。", notes) == 1.0
    assert 0.0 < (coverage("運動は週3回、40分です。", notes) or 0.0) < 1.0


def test_the_interval_holds_the_figure_narrows_with_more_values_and_is_the_same_again() -> None:
    few, many = estimate([0.0, 1.0] * 5), estimate([0.0, 1.0] * 200)
    assert few.low < few.value == many.value == 0.5 < few.high
    assert many.high - many.low < few.high - few.low
    assert few == estimate([0.0, 1.0] * 5)
    assert estimate([3.0, 1.0, 2.0], median).value == 2.0
    assert (estimate([0.7]).low, estimate([0.7]).high) == (0.7, 0.7)
    with pytest.raises(ValueError, match="nothing was measured"):
        estimate([])


def test_points_are_found_by_their_segment_of_the_answer() -> None:
    points = SKETCH.points(60)
    assert {segment: point.notes for segment, point in points.items()} == {
        1: "Exercise: 30 min",
        2: "Sleep: 7-9 h",
    }
    without_opening = Sketch(SKETCH.asked, (">>60 Exercise: 30 min\nAnd so on.\n>>60 Sleep: 7-9 h",))
    assert list(without_opening.points(60)) == [0, 2]


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 100])
def test_marks_of_dependence_are_dropped_and_no_other_plus(cut: int) -> None:
    text = "C++ it is.\n>>60+ One 1+1\n>>120 Two\n>>70+ Three"
    pieces = [text[at : at + cut] for at in range(0, len(text), cut)]
    assert "".join(independent(pieces)) == "C++ it is.\n>>60 One 1+1\n>>120 Two\n>>70 Three"


def test_a_passage_counts_where_agents_alone_wrote_it() -> None:
    told = Told(delta_s=[0.5, 0.7, 2.0, 2.1])
    told.segments = {
        0: [("cloud", "Stress has many causes.")],
        1: [("agent-1", "Exercise for 30 min.")],
        2: [("agent-1", "Sleep"), ("cloud", " … Sleep: 7-9 h")],
    }
    quality = {"confidence": 0.9}
    told.usage = {"pice": {"legs": [{"point": 0, "quality": quality}, {"point": 0, "quality": quality}, {"point": 1}]}}
    seen = counted(told, SKETCH, 60)
    assert seen.covered == {1: 1.0}
    assert (seen.left, seen.compared, seen.last_s) == (1, 1, 2.1)
    assert seen.silence_s == pytest.approx(1.3)


def test_a_points_figure_is_the_median_of_its_runs_and_gains_are_paired_by_point() -> None:
    one = {(0, 1): answer({1: 0.9, 2: 0.5}), (0, 2): answer({1: 0.7}), (0, 3): answer({1: 0.1})}
    other = {(0, 1): answer({1: 0.5, 3: 1.0})}
    assert by_point(one) == {(0, 1): 0.7, (0, 2): 0.5}
    gain = gained(one, other)
    assert (gain.value, gain.of) == (pytest.approx(0.2), 1)
    assert summarise(one).coverage.value == pytest.approx(0.6)


def test_time_is_compared_question_by_question_and_run_by_run() -> None:
    ensemble = {
        (0, 1): answer({1: 1.0}, 10.1, 1.3),
        (1, 1): answer({1: 1.0}, 30.0, 1.0),
        (2, 1): answer({}, 10.15, 1.05),
    }
    apart = {(0, 1): answer({1: 0.5}, 10.0, 1.0), (1, 1): answer({1: 0.5}, 20.0, 1.0), (2, 1): answer({}, 10.0, 1.0)}
    assert prolonged(ensemble, apart).value == pytest.approx(0.015)
    assert stalled(ensemble, apart).value == pytest.approx(0.05)
    assert worst_stall_s(ensemble, apart) == pytest.approx(0.3)
    found = bars_of(ensemble, apart, {"small": apart, "half": ensemble})
    assert [bar.met for bar in found] == [True, False, True, True]
    assert str(found[0]) == "facts covered, more than by small alone: 50.0% (50.0% to 50.0%; bar more than 0.0%)"
    assert str(found[-1]).startswith("longest silence longer than without it, by: 50 ms (0 ms to 300 ms;")


def test_a_quick_run_keeps_what_a_run_with_real_models_wrote(tmp_path: Path) -> None:
    file = tmp_path / "results" / "quality.json"
    write(file, {"note": "first", "real": {"runs": 3}})
    write(file, {"note": "second"})
    assert json.loads(file.read_text()) == {"note": "second", "real": {"runs": 3}}
    write(file, {"note": "third", "real": {"runs": 1}})
    assert json.loads(file.read_text())["real"] == {"runs": 1}


def test_questions_come_from_vicuna_by_turns_of_category_else_from_us(tmp_path: Path) -> None:
    rows = [(1, "generic"), (2, "generic"), (3, "coding"), (4, "knowledge")]
    file = tmp_path / "vicuna.jsonl"
    file.write_text("\n".join(json.dumps({"id": n, "category": c, "question": f"q{n}"}) for n, c in rows))
    asked, source = questions(8, file)
    assert [one.id for one in asked] == ["1", "4", "2"]
    assert source == "Vicuna-80"
    own, source = questions(8, tmp_path / "nothing")
    assert len({one.text for one in own}) == 8
    assert source == "the project's own questions"
