"""The merged answer: strictly in order, live, and independent of chunks and of the order in which passages arrive."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.merger import Merger
from picegate.core.events import CLOUD, TextDelta
from picegate.core.language import UNSPACED
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_tokens


def point(index: int = 0, prefix: str = "") -> Point:
    return Point(index, "notes", 60, prefix=prefix)


def text_of(deltas: list[TextDelta]) -> str:
    return "".join(delta.text for delta in deltas)


@dataclass(frozen=True)
class Part:
    """One segment as a test describes it; prefix None: prose."""

    text: str
    prefix: str | None = None


def expected(parts: list[Part]) -> str:
    """The answer by its definition, from whole texts that need no mending."""
    answer, previous = "", None
    for part in parts:
        if part.prefix is None:
            text = re.sub(r"\A(?:[^\S\n]*\n)+", "", part.text).rstrip() if part.text.strip() else ""
        else:
            text = part.text.strip()
        if text:
            joint = "" if previous is None else "\n" if part.prefix and previous.prefix else "\n\n"
            answer += joint + (part.prefix or "") + text
            previous = part
    return answer


def merge(merger: Merger, parts: list[Part], order: list[int] | None = None, size: int = 1000) -> str:
    """Prose in its place, then the passages whole, in `order`; returns what was released."""
    deltas: list[TextDelta] = []
    segments: list[tuple[int, str]] = []
    for part in parts:
        if part.prefix is None:
            for at in range(0, len(part.text), size):
                deltas += merger.prose(part.text[at : at + size])
        else:
            segments.append((merger.open_passage(point(prefix=part.prefix)), part.text))
    deltas += merger.close_prose()
    for which in order if order is not None else range(len(segments)):
        segment, text = segments[which]
        for at in range(0, len(text), size):
            deltas += merger.passage(segment, text[at : at + size], "n")
        deltas += merger.close_passage(segment)
    assert text_of(deltas) == merger.text
    return merger.text


TEXTS = st.lists(
    st.sampled_from(
        ["word", " ", "\n", "\n\n", "\r\n", "運動", "。", "END", "E", "EN", "    code", "- item", "x" * 30]
    ),
    max_size=8,
).map("".join)
FAULTY = st.lists(
    st.sampled_from(
        [
            "word",
            " ",
            "\n",
            "\n\n",
            "。",
            "END",
            "    code",
            "- item",
            "**",
            "*",
            "`",
            "```\n",
            "「",
            "」",
            "(",
            ")",
            '"',
            ", ",
            "1. ",
            "2. ",
            "３．",
            "・",
            "Exercise",
            ": ",
            "## ",
            "He walks every day.",
            "毎日歩くと元気になります。",
            "In addition, ",
            "In conclusion, ",
            "また、",
            "Step 2:",
            ". ",
            "ipad",
        ]
    ),
    max_size=10,
).map("".join)
PREFIXES = st.sampled_from([None, "", "- ", "1. "])
PARTS = st.lists(st.builds(Part, TEXTS | FAULTY, PREFIXES), max_size=7)
CLEAN = st.lists(PREFIXES, max_size=7).map(
    lambda prefixes: [
        Part(f" \nSentence {at} is good.\n\n", prefix and re.sub("1", str(at), prefix))
        for at, prefix in enumerate(prefixes, start=1)
    ]
)


def alternating(parts: list[Part]) -> list[Part]:
    """Neighbouring prose is one segment."""
    found: list[Part] = []
    for part in parts:
        if found and part.prefix is None and found[-1].prefix is None:
            found[-1] = Part(found[-1].text + part.text)
        else:
            found.append(part)
    return found


@given(CLEAN)
def test_what_is_clean_is_put_together_as_it_is(parts: list[Part]) -> None:
    parts = alternating(parts)
    assert merge(Merger(), parts) == expected(parts)


@given(PARTS, st.data())
def test_chunks_and_arrival_make_no_difference(parts: list[Part], data: st.DataObject) -> None:
    parts = alternating(parts)
    stop = data.draw(st.sampled_from([(), ("END",), ("word\n\n",), ("END", "NEND", "\n\n運")]))
    max_tokens = data.draw(st.sampled_from([None, 0, 3, 10, 90]))
    merger = Merger(stop=stop, max_tokens=max_tokens)
    running: list[tuple[int, str]] = []
    released = ""

    def passages_go_on() -> str:
        """Some of the open passages get a chunk, or end."""
        text = ""
        for _ in range(data.draw(st.integers(0, 3)) if running else 0):
            at = data.draw(st.integers(0, len(running) - 1))
            segment, rest = running[at]
            size = data.draw(st.integers(0, len(rest)))
            text += text_of(merger.passage(segment, rest[:size], f"node {segment}"))
            running[at] = (segment, rest[size:])
            if not rest[size:]:
                text += text_of(merger.close_passage(segment))
                running.pop(at)
            if not running:
                break
        return text

    for part in parts:
        if part.prefix is None:
            rest = part.text
            while rest:
                size = data.draw(st.integers(1, len(rest)))
                released += text_of(merger.prose(rest[:size]))
                rest = rest[size:]
                released += passages_go_on()
        else:
            running.append((merger.open_passage(point(prefix=part.prefix)), part.text))
            released += passages_go_on()
    released += text_of(merger.close_prose())
    while running:
        segment, rest = running.pop(data.draw(st.integers(0, len(running) - 1)))
        released += text_of(merger.passage(segment, rest, "n"))
        released += text_of(merger.close_passage(segment))

    assert merger.finished
    assert released == merger.text
    whole = Merger(stop=stop, max_tokens=max_tokens)
    assert (merger.text, merger.finish_reason) == (merge(whole, parts), whole.finish_reason)


@given(PARTS, st.sampled_from([("END",), ("E",), ("END", "NE"), ("\n\n", "運動"), ("wordEND", "dE")]))
def test_the_answer_ends_before_the_stop_string_that_is_complete_first(
    parts: list[Part], stop: tuple[str, ...]
) -> None:
    parts = alternating(parts)
    answer = merge(Merger(), parts)
    hits = [(answer.find(s) + len(s), answer.find(s)) for s in stop if s in answer]
    merger = Merger(stop=stop)
    assert merge(merger, parts, size=1) == (answer[: min(hits)[1]] if hits else answer)
    assert merger.finish_reason == ("stop" if hits else None)


@given(PARTS, st.integers(0, 40))
def test_the_bound_on_tokens_cuts_between_words(parts: list[Part], max_tokens: int) -> None:
    parts = alternating(parts)
    answer = merge(Merger(), parts)
    merger = Merger(max_tokens=max_tokens)
    text = merge(merger, parts, size=3)
    assert answer.startswith(text)
    assert estimate_tokens(text) <= max_tokens or not text
    if text != answer:
        assert merger.finish_reason == "length"
        assert text == text.rstrip()
        rest = answer[len(text) :]
        assert rest[0].isspace() or not text or not rest[0].isascii() or not text[-1].isascii()
        following = re.match(rf"\s*(?:[{UNSPACED}]|[^\s{UNSPACED}]+)", rest)
        assert following
        assert estimate_tokens(text + following[0]) >= max_tokens  # the next word would not have fitted


def test_the_segment_whose_turn_it_is_streams_live_and_later_ones_wait() -> None:
    merger = Merger()
    assert text_of(merger.prose("Opening.\n")) == "Opening."
    first, second = merger.open_passage(point(0)), merger.open_passage(point(1))
    assert merger.passage(second, "Second", "b") == []
    assert merger.turn == first
    assert merger.passage(first, "First", "a") == [TextDelta("\n\nFirst", first, "a")]
    assert merger.passage(first, " one.", "a") == [TextDelta(" one.", first, "a")]
    assert merger.prose("\nThe end.\n") == []
    assert merger.close_passage(first) == [TextDelta("\n\nSecond", second, "b")]
    assert merger.turn == second
    assert not merger.finished
    assert merger.close_passage(second) == [TextDelta("\n\nThe end.", 3, CLOUD)]
    assert merger.close_prose() == []
    assert merger.finished
    assert merger.finish_reason is None
    assert merger.text == "Opening.\n\nFirst one.\n\nSecond\n\nThe end."


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        ([Part("A\n"), Part("b", ""), Part("C\n")], "A\n\nb\n\nC"),
        ([Part("A\n\n\n"), Part("b", ""), Part("\n\n\nC")], "A\n\nb\n\nC"),
        ([Part("A"), Part("b", ""), Part("C")], "A\n\nb\n\nC"),
        ([Part("A\n"), Part("", ""), Part("\nC\n")], "A\n\nC"),
        ([Part("A\n"), Part("", ""), Part(" ", "")], "A"),
        ([Part("", ""), Part("b", "")], "b"),
        ([Part("b", ""), Part("\n"), Part("c", "")], "b\n\nc"),
        ([Part("Do:\n"), Part("b", "- "), Part("c", "- "), Part("End.")], "Do:\n\n- b\n- c\n\nEnd."),
        ([Part("b", "1. "), Part("", "2. "), Part("c", "3. ")], "1. b\n3. c"),
        ([Part("b", "- "), Part("c", ""), Part("d", "- ")], "- b\n\nc\n\n- d"),
        ([Part("\n\nA\n\n\nB\n\n")], "A\n\n\nB"),
        ([Part("x = 1\n\n\ndef f():\n    pass\n"), Part("b", "")], "x = 1\n\n\ndef f():\n    pass\n\nb"),
        ([Part("b", ""), Part("\n    indented code\n")], "b\n\n    indented code"),
        ([Part("A\r\n"), Part("b", ""), Part("\r\nC\r\n")], "A\n\nb\n\nC"),
        (
            [Part("習慣が効きます。\n"), Part("運動です。", ""), Part("以上。\n")],
            "習慣が効きます。\n\n運動です。\n\n以上。",
        ),
        ([], ""),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_paragraphs_are_one_blank_line_apart(parts: list[Part], answer: str, size: int) -> None:
    assert merge(Merger(), parts, size=size) == answer
    passages = sum(part.prefix is not None for part in parts)
    assert merge(Merger(), parts, order=list(reversed(range(passages))), size=size) == answer


def test_a_passage_that_is_begun_again_keeps_what_was_shown_and_forgets_the_rest() -> None:
    merger = Merger()
    first, second = merger.open_passage(point(0)), merger.open_passage(point(1))
    merger.passage(first, "The cat ", "a")
    merger.passage(second, "A dog", "a")
    merger.reset(first)
    merger.reset(second)
    assert merger.shown(first) == "The cat"
    assert merger.shown(second) == ""
    assert text_of(merger.passage(first, " sat.", "b")) == " sat."
    merger.passage(second, "A bird.", "b")
    assert text_of(merger.close_passage(first)) == "\n\nA bird."


def test_what_stands_before_a_passage_is_known_once_it_is_whole() -> None:
    merger = Merger()
    merger.prose("Opening.\n")
    first = merger.open_passage(point(0))
    assert merger.before(first) == "Opening."
    merger.prose("Between.")
    second = merger.open_passage(point(1))
    merger.passage(first, "First.", "a")
    assert merger.before(second) is None
    merger.close_passage(first)
    assert merger.before(second) == "Opening.\n\nFirst.\n\nBetween."
    merger.passage(second, "Second.", "a")
    assert merger.before(second) == "Opening.\n\nFirst.\n\nBetween."


def test_before_the_first_segment_stands_nothing() -> None:
    merger = Merger()
    assert merger.before(merger.open_passage(point())) == ""


def test_shown_text_has_no_prefix() -> None:
    merger = Merger()
    segment = merger.open_passage(point(prefix="- "))
    assert text_of(merger.passage(segment, "Walk", "a")) == "- Walk"
    assert merger.shown(segment) == "Walk"


def test_the_beginning_of_a_stop_string_is_held_back_across_segments() -> None:
    merger = Merger(stop=["d.\n\nE"])
    assert text_of(merger.prose("The end.")) == "The en"
    segment = merger.open_passage(point())
    assert text_of(merger.passage(segment, "F", "a")) == "d.\n\nF"


def test_a_held_beginning_goes_out_when_the_answer_ends_without_it() -> None:
    merger = Merger(stop=["ends"])
    assert text_of(merger.prose("It end")) == "It "
    assert text_of(merger.close_prose()) == "end"


def test_nothing_follows_a_stop_string() -> None:
    merger = Merger(stop=["STOP"])
    segment = merger.open_passage(point())
    assert text_of(merger.passage(segment, "a STOP b", "n")) == "a "
    assert (merger.finish_reason, merger.finished) == ("stop", True)
    assert merger.passage(segment, "c", "n") == merger.close_passage(segment) == merger.close_prose() == []


def test_an_empty_stop_string_stops_nothing() -> None:
    merger = Merger(stop=["", ""])
    assert merge(merger, [Part("text")]) == "text"


def test_a_closed_passage_takes_no_more_text() -> None:
    merger = Merger()
    segment = merger.open_passage(point())
    merger.close_passage(segment)
    with pytest.raises(ValueError, match="no open passage"):
        merger.passage(segment, "late", "n")


def test_nothing_is_added_once_the_sketch_has_ended() -> None:
    merger = Merger()
    merger.close_prose()
    with pytest.raises(ValueError, match="ended"):
        merger.prose("more")
    with pytest.raises(ValueError, match="ended"):
        merger.open_passage(point())


def test_what_the_cloud_says_again_behind_a_passage_goes_out_once() -> None:
    merger = Merger()
    segment = merger.open_passage(point())
    merger.passage(segment, "Run often. See a doctor if it hurts.", "a")
    merger.close_passage(segment)
    assert merger.prose("See a doctor if it hurts. ") == []
    assert text_of(merger.prose("Good luck.")) == "\n\nGood luck."


def test_prose_that_waited_goes_out_with_the_next_text() -> None:
    merger = Merger()
    first = merger.open_passage(point(0))
    merger.passage(first, "See a doctor if it hurts.", "a")
    merger.close_passage(first)
    assert merger.prose("See a doctor") == []
    second = merger.open_passage(point(1))
    assert merger.before(second) == "See a doctor if it hurts.\n\nSee a doctor"
    assert text_of(merger.passage(second, "Run.", "a")) == "\n\nSee a doctor\n\nRun."


def test_what_a_passage_leaves_open_is_closed_by_its_writer_before_the_next_begins() -> None:
    merger = Merger()
    first, second = merger.open_passage(point(0)), merger.open_passage(point(1))
    merger.passage(second, "And run.", "b")
    merger.passage(first, "You must **walk every day", "a")
    assert merger.close_passage(first) == [TextDelta("**.", first, "a"), TextDelta("\n\nAnd run.", second, "b")]


def test_a_passage_knows_the_notes_of_the_others() -> None:
    merger = Merger()
    one, other = Point(0, "one", 60), Point(1, "other", 60)
    merger.open_passage(one)
    assert merger.other_notes(one) == []
    merger.prose("Between.")
    merger.open_passage(other)
    assert merger.other_notes(one) == ["other"]
