"""A passage that is held: nothing of it is read, nothing behind it either, and in the end nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.merger import Merger
from picegate.core.events import TextDelta
from picegate.core.sketch import Point


def text_of(deltas: list[TextDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def opened(passages: int = 2, **options: object) -> Merger:
    """An opening and so many passages behind it: segments 1, 2, ..."""
    merger = Merger(**options)  # type: ignore[arg-type]
    merger.prose("Opening.")
    for index in range(passages):
        merger.open_passage(Point(index, "notes", 20))
    return merger


def test_nothing_of_a_held_passage_is_read_until_it_is_let_go() -> None:
    merger = opened(1)
    merger.hold(1)
    assert merger.is_held(1)
    assert not merger.is_read(1)
    assert merger.passage(1, "The first sentence.", "one") == []
    assert text_of(merger.let_go(1)) == "\n\nThe first sentence."
    assert merger.is_read(1)
    assert text_of(merger.passage(1, " The second.", "one")) == " The second."


def test_what_stands_behind_a_held_passage_waits_with_it() -> None:
    merger = opened(2)
    merger.hold(1)
    merger.passage(2, "Behind it.", "two")
    merger.close_passage(2)
    merger.passage(1, "Before it.", "one")
    assert merger.close_passage(1) == []
    assert merger.turn == 1
    assert merger.before(2) is None
    assert text_of(merger.let_go(1)) == "\n\nBefore it.\n\nBehind it."


def test_what_is_read_before_a_held_passage_goes_on() -> None:
    merger = opened(2)
    merger.hold(2)
    assert merger.is_read(1)
    assert text_of(merger.passage(1, "Live.", "one")) == "\n\nLive."
    merger.close_passage(1)
    assert merger.turn == 2


def test_a_held_passage_may_be_begun_again() -> None:
    merger = opened(1)
    merger.hold(1)
    merger.passage(1, "One that is not good", "one")
    merger.reset(1)
    merger.passage(1, "A better one.", "two")
    deltas = merger.let_go(1) + merger.close_passage(1)
    assert [(delta.text, delta.writer) for delta in deltas] == [("\n\nA better one.", "two")]


def test_what_a_reader_has_begun_is_not_held() -> None:
    merger = opened(1)
    merger.passage(1, "Begun. ", "one")
    merger.hold(1)
    assert not merger.is_held(1)
    assert text_of(merger.passage(1, "And gone on.", "one")) == " And gone on."


def test_a_closed_passage_and_prose_are_not_held() -> None:
    merger = opened(1)
    merger.close_passage(1)
    for segment in (0, 1):
        with pytest.raises(ValueError, match="no open passage"):
            merger.hold(segment)


def test_an_answer_is_not_at_its_end_while_a_passage_is_held() -> None:
    merger = opened(1)
    merger.hold(1)
    merger.close_passage(1)
    merger.close_prose()
    assert not merger.finished
    merger.let_go(1)
    assert merger.finished


def test_a_stop_string_in_a_held_passage_counts_once_it_is_read() -> None:
    merger = opened(1, stop=("END",))
    merger.hold(1)
    merger.passage(1, "One. END of it.", "one")
    assert not merger.finished
    assert text_of(merger.let_go(1)) == "\n\nOne. "
    assert merger.finish_reason == "stop"


TEXT = st.lists(st.sampled_from(["Walk daily. ", "Exercise: ", "\n", "**", "毎日歩きます。", "1. "]), max_size=6)


@given(st.lists(TEXT.map("".join), min_size=1, max_size=4), st.data())
def test_holding_changes_nothing_of_what_is_read_in_the_end(texts: list[str], data: st.DataObject) -> None:
    plain, held = opened(len(texts)), opened(len(texts))
    for segment, text in enumerate(texts, start=1):
        plain.passage(segment, text, "n")
        plain.close_passage(segment)
    plain.close_prose()

    order = data.draw(st.permutations(range(1, len(texts) + 1)))
    holding = {segment for segment in order if data.draw(st.booleans())}
    released = held.text
    for segment in holding:
        held.hold(segment)
    for segment in order:
        released += text_of(held.passage(segment, texts[segment - 1], "n"))
        if segment in holding and data.draw(st.booleans()):
            holding.remove(segment)
            released += text_of(held.let_go(segment))
        released += text_of(held.close_passage(segment))
        assert all(not held.shown(other) for other in holding)
    released += text_of(held.close_prose())
    for segment in sorted(holding, reverse=True):
        released += text_of(held.let_go(segment))
    assert (released, held.text) == (plain.text, plain.text)
    assert held.finished
