"""A request's timeline: what is drawn where, in terminals of every width."""

import pytest
from rich.cells import cell_len

from picegate.cli.lane import PLAIN, Lane, Marks, Scale, axis
from picegate.cli.timeline import timeline
from tests.unit.cli.records import Record, eventful, leg, passage, request


def drawn(record: Record, width: int = 100, marks: Marks | None = None, **known: object) -> list[str]:
    return [line.plain for line in timeline(record, width, marks, **known)]  # type: ignore[arg-type]


def row(lines: list[str], *words: str) -> str:
    """The one line with all these words."""
    (found,) = [line for line in lines if all(word in line for word in words)]
    return found


@pytest.mark.parametrize("width", [20, 36, 44, 60, 64, 79, 80, 100, 137, 220])
@pytest.mark.parametrize("marks", [Marks(), PLAIN])
def test_no_line_is_wider_than_the_terminal(width: int, marks: Marks) -> None:
    texts = {1: "東京は日本の首都であり、" * 9, 2: "A passage\nof two lines"}
    lines = drawn(eventful(), width, marks, question="犬を飼う前に何を考えるべきですか" * 5, texts=texts)
    assert max(map(cell_len, lines)) <= width


def test_bars_begin_at_the_same_column_beside_wide_names_and_titles() -> None:
    lines = drawn(eventful(), texts={2: "子どもが犬と暮らすときに気をつけること", 3: "A vet"})
    wide, narrow = row(lines, "2 東京の箱"), row(lines, "└ repair")
    assert cell_len(wide[: wide.index("┊")]) == cell_len(narrow[: narrow.index("┊")])


def test_plain_marks_are_ascii() -> None:
    record = request(leg("expand", "orin-1", 1.0, 2.0, 3.0, point=0), passages=(passage(0, 0.5, 2.5, 3.0),))
    assert "".join(drawn(record, marks=PLAIN)).isascii()


def test_a_leg_waits_reads_and_writes() -> None:
    record = request(leg("sketch", "cloud", 2.0, 5.0, 9.0, waited_s=2.0), first_token_s=5.0)
    line = row(drawn(record, 60), "sketch")
    bar = line[line.index("·") :].split(" ")[0]
    assert bar.lstrip("·").lstrip("─").lstrip("●").strip("━") == ""
    waits, reads, writes = bar.count("·"), bar.count("─"), bar.count("━")
    assert reads / waits == pytest.approx(1.5, rel=0.2)
    assert writes / waits == pytest.approx(2.0, rel=0.2)


def test_legs_stand_under_their_passage_in_the_order_in_which_they_began() -> None:
    lines = drawn(eventful(), texts={1: "First text", 2: "Second text"})
    order = ["sketch", "warm-up", "1 orin-1", "2 東京の箱", "└ hedge", "└ repair", "3 orin-1", "└ candidate", "4 cloud"]
    at = [next(n for n, line in enumerate(lines) if words in line) for words in order]
    assert at == sorted(at)
    assert "First text" in row(lines, "1 orin-1")
    assert "60 words" in row(lines, "4 cloud")


def test_scores_losers_and_failures_are_told() -> None:
    lines = drawn(eventful(), 120)
    assert row(lines, "└ hedge").endswith("0.31 lost")
    assert row(lines, "└ repair").endswith("0.31 → 0.92 ✓")
    assert row(lines, "└ candidate").endswith("0.84 ✓")
    assert row(lines, "2 東京の箱").endswith("stopped")
    assert row(lines, "4 cloud").endswith("✗ cloud_timeout")
    assert row(lines, "2 candidates: the point is hard")
    assert row(lines, "its own notes stand in")
    assert "╍" in row(lines, "└ hedge")
    assert "━" not in row(lines, "└ hedge")


def test_the_turn_is_marked_on_the_leg_that_was_read() -> None:
    lines = drawn(eventful())
    assert "▼" in row(lines, "└ repair")
    assert "▼" not in row(lines, "└ hedge")


def test_a_turn_that_comes_with_the_first_token_hides_neither() -> None:
    record = request(leg("expand", "orin-1", 1.0, 5.0, 9.0, point=0), passages=(passage(0, 1.0, 5.0, 9.0),))
    assert "▼●" in row(drawn(record), "1 orin-1")


def test_the_reader_row_shows_passages_and_where_it_stood_still() -> None:
    reader = row(drawn(eventful()), "  reader  ")
    assert reader.index("●") < reader.index("1") < reader.index("2") < reader.index("3")
    assert reader[reader.index("2") + 1] == "·"


def test_a_passage_that_nobody_came_to_write_is_shown_all_the_same() -> None:
    record = request(leg("sketch", "cloud", 0.0, 1.0, 4.0), passages=(passage(0, 2.0, 4.0, 6.0, stood_in=True),))
    lines = drawn(record)
    assert "·" in row(lines, "1 ", "60 words")
    assert row(lines, "its own notes stand in")


def test_the_outcome_is_told_in_figures() -> None:
    said = "\n".join(drawn(eventful()))
    assert "first token 1.00 s   longest pause 2.40 s at 5.00 s in passage 2   whole answer 10.00 s" in said
    assert "answer 324 tok   cloud wrote 105 tok   edges wrote 263 tok" in said
    assert "saved about 0.001647 USD (50%)" in said
    assert "expected: 310 tok (180 to 560)   first token 0.40 s   whole answer 6.00 s" in said


def test_what_came_stands_below_the_ways_that_were_weighed() -> None:
    lines = drawn(eventful())
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["mode", "first"])
    assert lines[at : at + 5] == [
        "   mode           first   done cloud tok edge tok cost",
        "   cloud         0.40 s  9.3 s       417        0 12.1",
        "-> progressive 2 0.40 s  6.0 s       105      263  8.0",
        "   edge          0.40 s 20.0 s         0      417 30.0 too hard for a small model",
        "   came of it    1.00 s 10.0 s       105      263",
    ]
    said = "\n".join(lines)
    assert "can be delegated 82%, of it 10% in one piece" in said
    assert "a token delays others by 1.25 ms in the cloud, 0.1 ms on the edge" in said
    assert "the cloud's queue is spared 2.50 s" in said


def test_where_nothing_was_weighed_no_ways_are_drawn() -> None:
    record = eventful()
    record["forecast"] |= {"options": [], "delegable": None, "chained": None}
    said = "\n".join(drawn(record))
    assert "expected: 310 tok" in said
    assert "came of it" not in said
    assert "delegated" not in said


def test_a_saving_below_nothing_is_called_what_it_is() -> None:
    said = "\n".join(drawn(request(leg("sketch", "cloud", 0.0, 1.0, 4.0), cost=3.0, cloud_only_cost=2.0)))
    assert "dearer than the cloud alone by about 1.000000 USD (50%)" in said


def test_only_the_marks_that_were_drawn_are_explained() -> None:
    said = "\n".join(drawn(request(leg("cloud", "cloud", 0.0, 1.0, 4.0))))
    assert "● first token" in said
    assert "stopped" not in said
    assert "the reader comes to it" not in said


def test_a_request_that_failed_before_it_began_is_drawn() -> None:
    record = request(
        mode="none",
        level=0,
        reason="",
        finish_reason="error",
        error="cloud_unavailable",
        first_token_s=None,
        total_s=0.0,
    )
    said = "\n".join(drawn(record))
    assert "ended error cloud_unavailable" in said
    assert "first token never" in said


def test_records_that_are_older_than_passages_are_drawn() -> None:
    record = request(leg("sketch", "cloud", 0.0, 1.0, 4.0), leg("expand", "orin-1", 2.0, 2.5, 5.0, point=0))
    assert "1 orin-1" in row(drawn(record), "passage")


def test_a_kind_of_leg_that_is_not_known_goes_by_its_own_name() -> None:
    assert row(drawn(request(leg("oracle", "cloud", 0.0, 1.0, 4.0))), "oracle")


def test_a_stored_question_stands_above() -> None:
    record = request(leg("cloud", "cloud", 0.0, 1.0, 4.0), prompt=[{"role": "user", "content": "Why?"}])
    assert drawn(record)[0] == "Why?"


@pytest.mark.parametrize(("total_s", "ticks"), [(10.0, [0, 2, 4, 6, 8, 10]), (0.4, [0, 0.1, 0.2, 0.3, 0.4])])
def test_ticks_are_round(total_s: float, ticks: list[float]) -> None:
    assert list(Scale(total_s, 40).ticks()) == pytest.approx(ticks)


def test_labels_of_the_axis_stand_at_their_guides() -> None:
    scale = Scale(9.0, 60)
    labels, guides = axis(scale).plain, Lane(scale, Marks()).text().plain
    assert [label for label in labels if label.isdigit()] == list("0123456789")
    assert {guides[at] for at, label in enumerate(labels) if label.isdigit()} == {"┊"}
