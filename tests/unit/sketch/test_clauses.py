"""Notes clause by clause: what may be parted, and that no character of a fact is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.chat import Message
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.sketch.clauses import clauses, cut, joined, separable
from picegate.sketch.prompts import expand_messages


def point(notes: str, words: int = 120, **fields: object) -> Point:
    return Point(index=3, notes=notes, words=words, **fields)  # type: ignore[arg-type]


def parted(notes: str) -> list[str]:
    found = clauses(notes)
    return [found.text(number, number + 1) for number in range(len(found.spans))]


@pytest.mark.parametrize(
    ("notes", "wanted"),
    [
        ("Sleep: 7-9 h; fixed wake time; no screens", ["Sleep: 7-9 h", "Sleep: fixed wake time", "Sleep: no screens"]),
        ("Rome took Gaul in 50 years; Caesar led", ["Rome took Gaul in 50 years", "Caesar led"]),
        ("The Romans conquered. Then they built roads.", ["The Romans conquered.", "Then they built roads."]),
        ("Diet: fish, nuts, beans, 2 l water", ["Diet: fish", "Diet: nuts", "Diet: beans", "Diet: 2 l water"]),
        ("睡眠:7時間；同じ時刻", ["睡眠:7時間", "睡眠:同じ時刻"]),
        ("運動：週3回、屋外、午前、30分", ["運動：週3回", "運動：屋外", "運動：午前", "運動：30分"]),
        ("一つ目の事実。二つ目の事実。", ["一つ目の事実。", "二つ目の事実。"]),
    ],
)
def test_notes_fall_into_clauses_and_each_keeps_the_topic(notes: str, wanted: list[str]) -> None:
    assert parted(notes) == wanted


@pytest.mark.parametrize(
    "notes",
    [
        "Walking 30 min; lowers cortisol; best before noon",  # who lowers it?
        "Walking 30 min, three times a week, lowers cortisol, best before noon",  # a list of what?
        "Sleep: 7-9 h, fixed wake time, no screens",  # too short a list
        "Sleep, which restores the mind, and friends, who help, are what counts, where they can be had",
        "Load: approx. 3,000 kg (truck; trailer)",
        "Starts at 7:30; ends at 9:15",
        "Dr. Smith and Prof. Jones agree",
        "See http://example.org/a;b",
        "Sleep:",
        "Nothing to part here",
    ],
)
def test_what_would_lose_its_meaning_alone_is_not_parted(notes: str) -> None:
    assert parted(notes) == [notes.rstrip("; ")]
    assert separable(point(notes)) == 1


def test_dependent_points_and_items_of_a_list_are_never_cut() -> None:
    notes = "Sleep: 7-9 h; fixed wake time; no screens"
    assert separable(point(notes)) == 3
    assert separable(point(notes, depends=True)) == 1
    assert separable(point(notes, prefix="- ")) == 1


def test_parts_keep_order_and_share_the_words_and_only_later_ones_follow() -> None:
    first, second = cut(point("Sleep: 7-9 h a night; fixed wake time; no screens; cool and dark room", 130), 2)
    assert (first.notes, second.notes) == (
        "Sleep: 7-9 h a night; fixed wake time",
        "Sleep: no screens; cool and dark room",
    )
    assert (first.index, second.index) == (3, 3)
    assert first.words + second.words == 130
    assert abs(first.words - second.words) < 20
    assert (first.follows, second.follows) == (False, True)


def test_more_parts_than_clauses_are_refused() -> None:
    with pytest.raises(ValueError, match="not separable into 3 parts"):
        cut(point("Sleep: 7-9 h; no screens"), 3)


@given(
    st.lists(st.from_regex(r"[A-Z][a-z0-9]{0,8}( [a-z0-9]{1,8}){0,5}", fullmatch=True), min_size=1, max_size=8),
    st.data(),
)
def test_no_fact_is_lost_however_notes_are_cut(facts: list[str], data: st.DataObject) -> None:
    whole = point("Topic: " + "; ".join(facts), data.draw(st.integers(50, 400)))
    parts = cut(whole, data.draw(st.integers(1, separable(whole))))
    told = [fact for part in parts for fact in part.notes.removeprefix("Topic: ").split("; ")]
    assert told == facts
    assert sum(part.words for part in parts) == pytest.approx(whole.words, abs=len(parts))
    assert all(part.words >= 1 for part in parts)


@pytest.mark.parametrize(
    ("first", "second", "notes"),
    [
        ("Sleep: 7 h", "Walk: 30 min", "Sleep: 7 h; Walk: 30 min"),
        ("Sleep seven hours.", "Walk daily", "Sleep seven hours. Walk daily"),
        ("睡眠7時間", "運動30分", "睡眠7時間；運動30分"),
        ("睡眠7時間。", "運動30分", "睡眠7時間。運動30分"),
    ],
)
def test_two_points_become_one_in_the_place_of_the_first(first: str, second: str, notes: str) -> None:
    both = joined(Point(1, first, 20), Point(2, second, 25))
    assert both == Point(1, notes, 45)


@pytest.mark.parametrize("language", Language)
def test_a_later_part_is_asked_for_without_an_introduction(language: Language) -> None:
    question = (Message("user", "How do I sleep well?"),)
    first, second = cut(point("Sleep: 7-9 h; no screens"), 2)
    opening, later = (expand_messages(question, part, language=language)[-1].text for part in (first, second))
    assert re.search("without an introduction|導入なし", later)
    assert not re.search("without an introduction|導入なし", opening)
    assert opening.partition("7-9 h")[0] == later.partition("no screens")[0]
