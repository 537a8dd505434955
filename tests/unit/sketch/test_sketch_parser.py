"""The sketch parser: what is a delegation line, what is text, and that chunks make no difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.sketch import Point
from picegate.sketch.parser import MAX_LINE, MAX_NOTES, Piece, Prose, SketchParser

SKETCH = """Stress has many causes, but a few habits work for almost everyone.
>>60 Exercise: 30 min aerobic 3x a week lowers cortisol
>>50 Sleep: 7-9 h, fixed wake time

>>80+ How the two work together: a plan, weeks 1-4
See a doctor if it lasts longer than a month.
"""
JAPANESE = (
    "ストレスには習慣が効きます。\n＞＞６０　運動：週3回30分\n>>80+睡眠との併用、4週間の計画\n"
    "- >>40：食事、塩分6g\n長引くなら受診を。"
)
AWKWARD = (
    "Hi\r\n>>> import os\n>> a\r\n1. >>60: b\r\n```py\n>>60 code\n````\n`>>2` shifts, 1. x\n**>>70+ c**\n"
    "> q\n>> quoted\n~~~\n>>5 x\n~~~\n - >>\n>>0\n>>60 end"
)


def parse(text: str, size: int = 0, **limits: int) -> tuple[list[Piece], SketchParser]:
    """All pieces, neighbouring prose joined; fed in chunks of `size` (0: at once)."""
    parser = SketchParser(**{"max_points": 8, **limits})
    chunks = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    return joined([piece for chunk in chunks for piece in parser.feed(chunk)] + parser.flush()), parser


def joined(pieces: list[Piece]) -> list[Piece]:
    result: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Prose) and result and isinstance(result[-1], Prose):
            piece = Prose(result.pop().text + piece.text)
        result.append(piece)
    return result


def points(text: str, **limits: int) -> list[Point]:
    return [piece for piece in parse(text, **limits)[0] if isinstance(piece, Point)]


def prose(text: str, **limits: int) -> str:
    return "".join(piece.text for piece in parse(text, **limits)[0] if isinstance(piece, Prose))


def only(text: str) -> Point:
    (point,) = points(text)
    return point


def test_a_sketch_is_the_clouds_text_with_points_in_their_places() -> None:
    assert parse(SKETCH)[0] == [
        Prose("Stress has many causes, but a few habits work for almost everyone.\n"),
        Point(0, "Exercise: 30 min aerobic 3x a week lowers cortisol", 60),
        Point(1, "Sleep: 7-9 h, fixed wake time", 50),
        Prose("\n"),
        Point(2, "How the two work together: a plan, weeks 1-4", 80, depends=True),
        Prose("See a doctor if it lasts longer than a month.\n"),
    ]


@pytest.mark.parametrize("text", [SKETCH, JAPANESE, AWKWARD], ids=["english", "japanese", "awkward"])
def test_every_split_in_three_gives_the_same_pieces(text: str) -> None:
    whole, _ = parse(text)
    for first in range(len(text) + 1):
        for second in {first, min(first + 1, len(text)), (first + len(text)) // 2}:
            parser = SketchParser(max_points=8)
            pieces = parser.feed(text[:first]) + parser.feed(text[first:second]) + parser.feed(text[second:])
            assert joined(pieces + parser.flush()) == whole


_FRAGMENTS = st.sampled_from(
    [">>60 ", ">>", ">>>", "＞＞", "> ", "６０", "＋", "+", "- ", "1. ", "```", "~~~", "\n", "\r\n", "\n\n", "**", "`",
     " ", "text", "運動", "。", ":", "wrote:", "3.5", "N", "#", "・"]
)  # fmt: skip


@given(st.lists(_FRAGMENTS, max_size=40).map("".join), st.data())
def test_chunks_make_no_difference(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parser = SketchParser(max_points=4)
    pieces: list[Piece] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        pieces += parser.feed(text[start:end])
    ended_early = parser.ended
    pieces += parser.flush()
    whole = SketchParser(max_points=4)
    expected = whole.feed(text)
    assert whole.ended == ended_early
    assert joined(pieces) == joined(expected + whole.flush())


@given(st.lists(_FRAGMENTS, max_size=40).map("".join))
def test_a_line_with_a_number_behind_the_signs_is_never_shown_outside_fences(text: str) -> None:
    shown = prose(text.replace("```", "").replace("~~~", ""), max_points=100)
    assert not any(line.startswith((">>60 t", "- >>60 t", "＞＞６０t")) for line in shown.splitlines())


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_prose_is_held_back_only_while_it_may_become_a_delegation_line(size: int) -> None:
    parser = SketchParser(max_points=8)
    shown = ""
    for at in range(0, len(SKETCH), size):
        shown += "".join(piece.text for piece in parser.feed(SKETCH[at : at + size]) if isinstance(piece, Prose))
        fed = SKETCH[: at + size]
        line = fed.rpartition("\n")[2]
        if len(line) > 2 and not line.startswith(">>"):
            assert shown.endswith(line)


def test_a_point_is_out_the_moment_its_line_closes() -> None:
    parser = SketchParser(max_points=8)
    assert parser.feed("Intro.\n>>60 Exercise") == [Prose("Intro.\n")]
    assert parser.feed("\n") == [Point(0, "Exercise", 60)]


def test_the_first_words_go_out_at_once() -> None:
    assert SketchParser(max_points=8).feed("St") == [Prose("St")]


def test_the_line_vanishes_with_its_line_ending() -> None:
    assert prose("a\n>>60 x\nb\n") == "a\nb\n"
    assert prose("a\r\n>>60 x\r\nb\r\n") == "a\r\nb\r\n"


def test_a_last_line_without_line_ending_is_a_point() -> None:
    assert points("a\n>>60 x") == [Point(0, "x", 60)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (">>60 text", Point(0, "text", 60)),
        (">>60+ text", Point(0, "text", 60, depends=True)),
        (">>60+text", Point(0, "text", 60, depends=True)),
        (">>60text", Point(0, "text", 60)),
        (">>60: text", Point(0, "text", 60)),
        (">>60 - text", Point(0, "text", 60)),
        (">>60 words: text", Point(0, "text", 60)),
        (">> 60 text", Point(0, "text", 60)),
        (">> 60 + text", Point(0, "text", 60, depends=True)),
        ("   >>60 text", Point(0, "text", 60)),
        ("＞＞６０＋　運動：30分", Point(0, "運動：30分", 60, depends=True)),
        ("＞>60 text", Point(0, "text", 60)),
        (">>60：運動", Point(0, "運動", 60)),
        ("- >>60 text", Point(0, "text", 60, prefix="- ")),
        ("* >>60 text", Point(0, "text", 60, prefix="* ")),
        ("1. >>60 text", Point(0, "text", 60, prefix="1. ")),
        ("  - >>60 text", Point(0, "text", 60, prefix="  - ")),
        ("・>>60 運動", Point(0, "運動", 60, prefix="・")),
        ("## >>60 text", Point(0, "text", 60)),
        ("**>>60 text**", Point(0, "text", 60)),
        ("**>>60+** text", Point(0, "text", 60, depends=True)),
        ("`>>60 text`", Point(0, "text", 60)),
        (">>N+ text", Point(0, "text", 60, depends=True)),
        (">> text", Point(0, "text", 60)),
        (">>text", Point(0, "text", 60)),
        (">> 30% of adults", Point(0, "30% of adults", 60)),
        (">> 3.5 million people", Point(0, "3.5 million people", 60)),
        (">>60 3.5 million people", Point(0, "3.5 million people", 60)),
    ],
)
def test_near_misses_of_the_grammar_are_forgiven(line: str, expected: Point) -> None:
    assert only(f"Opening.\n{line}\n") == expected


@pytest.mark.parametrize(
    "text",
    [
        ">>> print(1)\n",
        "＞＞＞ print(1)\n",
        ">>>60 x\n",
        "x >>60\n",
        "value >>60 bits\n",
        "    >>60 indented code\n",
        "\t>>60 indented code\n",
        "> a quotation\n",
        "> > a quotation in one\n",
        "> >>60 in one\n",
        "`>>2` shifts by two\n",
        "->>60 threads\n",
        "```\n>>60 x\n```\n",
        "~~~~ text\n>>60 x\n~~~\n>>60 y\n~~~~\n",
        "````\n```\n>>60 x\n````\n",
        "   ```sh\n>>60 x\n   ```\n",
        "- ```sh\n>>60 x\n  ```\n",
        "```\n>>60 never closed",
        ">",
        "-",
        "1.",
    ],
)
def test_what_only_looks_like_a_delegation_line_is_text(text: str) -> None:
    assert parse(text)[0] == [Prose(text)]


def test_a_fence_ends_and_delegation_goes_on() -> None:
    assert parse("```\n>>60 x\n```\n>>60 y\n")[0] == [Prose("```\n>>60 x\n```\n"), Point(0, "y", 60)]


def test_three_ticks_with_more_ticks_on_the_line_open_no_fence() -> None:
    assert points("```inline``` code\n>>60 x\n") == [Point(0, "x", 60)]


@pytest.mark.parametrize(
    "mail",
    [
        "Bob wrote:\n>> Are you coming?\n> Yes.\nFine.\n",
        "Bob wrote:\n\n>> Are you coming?\n",
        "> Yes.\n>> Are you coming?\n>> When?\nFine.\n",
        "The thread:\n\n>> Are you coming?\n> Yes.\n",
        "The thread:\n>> Are you coming?\n>> And when?\n> Yes, at 8.\n",
        ">> On Monday Alice wrote:\n>> > Hello\n",
        "> Yes.\n>> 60 people came\n",
    ],
)
def test_a_quoted_mail_is_text(mail: str) -> None:
    assert parse(mail)[0] == [Prose(mail)]


def test_a_delegation_right_below_a_quotation_needs_its_number() -> None:
    assert points("> To be or not to be.\n>>60 what Hamlet means\n") == [Point(0, "what Hamlet means", 60)]


def test_lines_without_numbers_wait_only_until_they_are_known_to_be_points() -> None:
    parser = SketchParser(max_points=8)
    assert parser.feed("Hi.\n>> a1\n") == [Prose("Hi.\n")]
    assert parser.feed("E") == [Point(0, "a1", 60), Prose("E")]
    assert parser.feed("nd\n>> b1\n") == [Prose("nd\n"), Point(1, "b1", 60)]


def test_three_lines_without_numbers_are_points_whatever_follows() -> None:
    parser = SketchParser(max_points=8)
    assert parser.feed(">> a1\n>> b1\n") == []
    assert parser.feed(">> c1\n") == [Point(0, "a1", 60), Point(1, "b1", 60), Point(2, "c1", 60)]


@pytest.mark.parametrize(
    ("written", "words"), [("0", 60), ("1", 10), ("9", 10), ("400", 400), ("99999", 400), ("9" * 3000, 400), ("٦٠", 60)]
)
def test_absurd_budgets_are_clamped(written: str, words: int) -> None:
    assert only(f">>{written} text\n").words == words


def test_limits_are_the_callers() -> None:
    assert [p.words for p in points(">>300 a\n>>N b\n", max_words=80, default_words=30)] == [80, 30]


@pytest.mark.parametrize("line", [">>60\n", ">>60+ \n", ">>\n", ">>60 ...\n", "- >>60 **\n"])
def test_empty_notes_are_dropped(line: str) -> None:
    assert parse(f"a\n{line}b\n")[0] == [Prose("a\nb\n")]


def test_a_repeated_point_is_dropped_and_the_third_in_a_row_ends_the_sketch() -> None:
    pieces, _ = parse(">>60 a\n>>50 A.\n>>60 b\nText.\n>>60 c\n")
    assert [p.notes for p in pieces if isinstance(p, Point)] == ["a", "b", "c"]
    parser = SketchParser(max_points=8)
    parser.feed(">>60 a\n>>60 a\n")
    assert not parser.ended
    parser.feed(">>60 a\n")
    assert parser.ended
    assert parser.feed("More.\n>>60 b\n") == []
    assert parser.flush() == []


def test_points_going_round_in_a_circle_end_the_sketch() -> None:
    parser = SketchParser(max_points=100)
    found = parser.feed(">>60 a\n>>60 b\n" * 50)
    assert [p.notes for p in found if isinstance(p, Point)] == ["a", "b"]
    assert parser.ended


def test_an_endless_list_is_ended() -> None:
    parser = SketchParser(max_points=3)
    found = parser.feed("".join(f">>60 point {n}\n" for n in range(1000)))
    assert len(found) == 3
    assert parser.ended


def test_a_sketch_of_exactly_the_allowed_points_goes_on() -> None:
    assert prose(">>60 a\n>>60 b\nThe end.\n", max_points=2) == "The end.\n"


def test_a_delegation_line_without_end_is_ended() -> None:
    parser = SketchParser(max_points=3)
    (point,) = parser.feed(">>60 " + "very " * MAX_LINE)
    assert isinstance(point, Point)
    assert len(point.notes) <= MAX_NOTES
    assert parser.ended


def test_an_answer_without_delegation_comes_out_as_it_came() -> None:
    text = "# Title\n\n1. one\n2. two\n\n> quote\n\n| a | b |\n|---|---|\n\n    code\n```\nx >> 2\n```\n\n\nend\n"
    assert prose(text) == text
