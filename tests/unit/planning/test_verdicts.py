"""What the legs of an answer say of the models that wrote them."""

from dataclasses import replace

import pytest

from picegate.core.quality import Quality
from picegate.core.usage import LegEnd, LegKind, LegRecord
from picegate.planning.verdicts import contests, verdicts

THRESHOLD = 0.5


def leg(
    model: str,
    confidence: float | None,
    *,
    at: tuple[float, float] = (0.0, 4.0),
    point: int | None = 0,
    kept: bool | None = None,
    end: LegEnd = LegEnd.DONE,
) -> LegRecord:
    start_s, end_s = at
    quality = None if confidence is None else Quality(confidence)
    return LegRecord(
        LegKind.EXPAND, f"node-{model}", model, start_s, point, start_s + 0.1, end_s, end, quality=quality, kept=kept
    )


def judged(*legs: LegRecord) -> list[tuple[str, bool]]:
    return list(verdicts(legs, THRESHOLD))


def test_a_passage_is_sound_from_the_threshold_on() -> None:
    assert judged(leg("a", 0.5), leg("b", 0.49, point=1)) == [("a", True), ("b", False)]


@pytest.mark.parametrize(
    "nobody",
    [
        leg("a", None),
        leg("a", 0.1, end=LegEnd.CANCELLED),
        leg("a", 0.1, end=LegEnd.OPEN),
        leg("a", None, end=LegEnd.FAILED),
        leg("a", 0.1, point=None),
        replace(leg("a", 0.1), where="cloud"),
    ],
)
def test_what_is_not_a_nodes_whole_scored_passage_is_not_judged(nobody: LegRecord) -> None:
    assert judged(nobody) == []


def test_a_whole_passage_of_no_use_is_not_sound_however_it_looked() -> None:
    assert judged(leg("a", 0.9, end=LegEnd.FAILED)) == [("a", False)]


def test_a_rewrite_is_not_judged_since_it_gets_the_hard_points() -> None:
    first, second = leg("a", 0.1, kept=False), leg("b", 0.3, at=(4.0, 8.0), kept=True)
    assert judged(first, second) == [("a", False)]
    assert list(contests([first, second], 0.5)) == []


def test_who_goes_on_from_anothers_words_is_not_judged() -> None:
    died = leg("a", None, end=LegEnd.FAILED)
    assert judged(died, leg("b", 0.1, at=(4.0, 8.0))) == []


def test_who_begins_after_one_that_wrote_nothing_is_judged() -> None:
    silent = replace(leg("a", None, end=LegEnd.FAILED), first_token_s=None)
    assert judged(silent, leg("b", 0.9, at=(4.0, 8.0))) == [("b", True)]


def test_candidates_side_by_side_are_a_contest_which_the_kept_one_wins() -> None:
    legs = [leg("a", 0.6, kept=False), leg("b", 0.9, at=(1.0, 5.0), kept=True), leg("c", 0.7, kept=False)]
    assert list(contests(legs, 0.5)) == [("b", "a", 1.0), ("b", "c", 1.0)]


def test_equal_candidates_share_the_win() -> None:
    assert list(contests([leg("a", 0.8, kept=True), leg("b", 0.8, kept=False)], 0.5)) == [("a", "b", 0.5)]


def test_no_contest_without_two_models_on_one_point_and_a_winner() -> None:
    assert list(contests([leg("a", 0.6, kept=False), leg("a", 0.9, kept=True)], 0.5)) == []
    assert list(contests([leg("a", 0.6, kept=True), leg("b", 0.9, kept=True, point=1)], 0.5)) == []
    assert list(contests([leg("a", 0.6, kept=False), leg("b", 0.9, kept=False)], 0.5)) == []
    assert list(contests([leg("a", 0.6), leg("b", 0.9)], 0.5)) == []
