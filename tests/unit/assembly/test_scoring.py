"""The score of a finished passage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.leaks import leaks
from picegate.assembly.scoring import WEIGHTS, Candidate, Question, score
from picegate.core.language import Language
from picegate.core.quality import Quality
from picegate.core.sketch import Point

POINT = Point(0, "Exercise: 30 min aerobic 3x a week lowers cortisol; walking counts", 30)
GOOD = (
    "Exercise calms you down. Thirty minutes of aerobic movement three times a week lowers cortisol, and walking "
    "counts as much as running does."
)
PUNKT = Point(0, "運動:有酸素運動30分を週3回、コルチゾール低下、散歩でもよい", 30)
GUT = "運動は気持ちを落ち着かせます。有酸素運動を30分、週に3回続けるとコルチゾールが低下します。散歩でも十分です。"


def scored(text: str, point: Point = POINT, language: Language = Language.ENGLISH, **fields: object) -> Quality:
    return score(Candidate(text, **fields), point, Question.of("", language))  # type: ignore[arg-type]


NOTHING_ASKED = Question.of("", Language.ENGLISH)


def test_a_good_passage_is_trusted_in_both_languages() -> None:
    assert scored(GOOD).confidence > 0.9
    assert scored(GUT, PUNKT, Language.JAPANESE).confidence > 0.9


SIBLING = "Sleep: 7-9 h, fixed wake time, dark bedroom without screens"


def test_a_passage_that_goes_on_with_another_point_is_weak() -> None:
    both = f"{GOOD} Sleep matters, too: keep a fixed wake time and a dark bedroom without screens."
    apart = score(Candidate(both), POINT, NOTHING_ASKED)
    known = score(Candidate(both), POINT, NOTHING_ASKED, [SIBLING])
    assert "sibling" not in apart.defects
    assert known.defects["sibling"] == 1.0
    assert known.confidence < 0.5 < apart.confidence


def test_a_word_about_another_point_is_no_defect() -> None:
    text = f"{GOOD} It helps you sleep, too."
    found = score(Candidate(text), POINT, NOTHING_ASKED, [SIBLING, "Food: oats"])
    assert found.defects["sibling"] == 0.0
    japanese = Question.of("", Language.JAPANESE)
    assert score(Candidate("飲みます。"), POINT, japanese, [SIBLING]).defects["sibling"] == 0.0


@pytest.mark.parametrize(
    ("defect", "text"),
    [
        ("contradiction", GOOD.replace("Thirty", "Sixty")),
        ("numbers", GOOD.replace("Thirty minutes of a", "A")),
        (
            "terms",
            "Exercise calms you down in 30 minutes, three times a week, and it lifts the mood of nearly everyone.",
        ),
        ("language", GUT),
        ("repetition", f"{GOOD} {GOOD} {GOOD}"),
        ("length", "Walking counts."),
        ("length", " ".join(f"Walking number {n} counts as exercise too." for n in range(20))),
        ("leak", f"{GOOD} I hope this helps!"),
        ("cut", GOOD[:-9]),
        ("copied", POINT.notes + "."),
        ("off_topic", "Cats purr. Dogs bark at the moon."),
    ],
)
def test_every_defect_is_found_and_lowers_the_confidence(defect: str, text: str) -> None:
    found = scored(text)
    assert found.defects[defect] > 0.3
    assert found.confidence < scored(GOOD).confidence


@pytest.mark.parametrize("text", ["", "   \n", "...", "。", "**"])
def test_an_empty_passage_has_no_confidence_at_all(text: str) -> None:
    assert scored(text).confidence == 0.0
    assert scored(text, mean_logprob=-0.1).defects == {"empty": 1.0}


@pytest.mark.parametrize("notes", ["", "...", "and so on"])
def test_a_point_without_facts_lacks_none(notes: str) -> None:
    found = scored("The sun rises over quiet hills, and nobody is awake to see it yet.", Point(0, notes, 13))
    assert found.defects["terms"] == found.defects["numbers"] == found.defects["contradiction"] == 0.0
    assert found.confidence > 0.5


def test_a_point_without_a_budget_fits_every_length() -> None:
    assert scored(GOOD, Point(0, POINT.notes, 0)).defects["length"] == 0.0


def test_of_an_unknown_language_only_the_script_is_compared() -> None:
    notes = "Bewegung: 30 Minuten, 3-mal pro Woche, senkt Cortisol"
    german = "Bewegung hilft: 30 Minuten, 3-mal pro Woche, und das Cortisol wird durch die Bewegung deutlich gesenkt."
    assert scored(german, Point(0, notes, 16), Language.OTHER).defects["language"] == 0.0
    assert scored(GUT, Point(0, notes, 16), Language.OTHER).defects["language"] == 1.0


def test_two_languages_of_one_script_are_told_apart_where_the_text_was_recognised() -> None:
    german = "Dreißig Minuten Bewegung, dreimal pro Woche, senken das Cortisol, und das gilt auch für Spaziergänge."
    assert scored(german, spoken=Language.OTHER).defects["language"] == 1.0


def test_notes_in_another_script_than_the_question_excuse_the_passage() -> None:
    assert scored(GUT, PUNKT, Language.ENGLISH).defects["language"] == 0.0


def test_a_node_without_logprobs_is_neither_trusted_more_nor_less() -> None:
    assert "unsure" not in scored(GOOD).defects
    assert scored(GOOD, mean_logprob=-0.5).confidence == scored(GOOD).confidence
    assert scored(GOOD, mean_logprob=-3.0).confidence < scored(GOOD).confidence


def test_a_broken_off_passage_is_cut_however_it_ends() -> None:
    assert scored(GOOD, cut=True).defects["cut"] == 1.0


def test_a_list_needs_no_full_stops() -> None:
    assert scored("Good are:\n- walking, which counts\n- aerobic exercise").defects["cut"] == 0.0


def test_what_the_question_is_about_is_no_leak() -> None:
    assert leaks(["Read the instructions first."], "") == ["instructions"]
    assert leaks(["Read the instructions first."], "How do I write good instructions?") == []


def test_a_number_of_the_question_contradicts_nothing() -> None:
    point = Point(0, "Save 3 months of expenses", 12)
    text = "With 40 euros you reach a cushion of some months of expenses quickly; do save."
    asked = score(Candidate(text), point, Question.of("How do I save with 40 euros?", Language.ENGLISH))
    assert asked.defects["contradiction"] == 0.0
    assert scored(text, point).defects["contradiction"] > 0


@given(
    st.text(),
    st.text(),
    st.integers(0, 400),
    st.sampled_from(Language),
    st.booleans(),
    st.one_of(st.none(), st.floats(-50, 0)),
)
def test_any_text_has_a_score(
    text: str, notes: str, words: int, language: Language, cut: bool, mean_logprob: float | None
) -> None:
    candidate = Candidate(text, cut, None, mean_logprob)
    found = score(candidate, Point(0, notes, words), Question.of("", language))
    assert 0.0 <= found.confidence <= 1.0
    assert all(0.0 <= value <= 1.0 for value in found.defects.values())
    assert set(found.defects) <= {*WEIGHTS, "empty"}
    assert score(candidate, Point(0, notes, words), Question.of("", language)) == found
