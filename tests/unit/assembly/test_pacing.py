"""Text that is held back so that it lasts: all of it comes, in order, and never slower than it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.pacing import LEAST_PER_S, Pacer
from picegate.core.events import TextDelta

OWED = 7.0  # characters: less than this may be due and not given, so that words stay whole

TEXTS = st.text(alphabet="ab \n。運動は体", min_size=1, max_size=60) | st.just("internationalisation" * 3)
DELTAS = st.builds(TextDelta, TEXTS, st.integers(0, 3), st.sampled_from(["cloud", "one"]))
STEPS = st.lists(
    st.tuples(
        st.lists(DELTAS, max_size=3),
        st.floats(0.0, 0.5),  # seconds until the next look
        st.floats(-1.0, 20.0),  # seconds from then that the text is to last
        st.floats(0.0, 500.0),  # characters that will come on
    ),
    max_size=20,
)


def text_of(deltas: list[TextDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def by_character(deltas: list[TextDelta]) -> list[tuple[str, int, str]]:
    return [(character, delta.segment, delta.writer) for delta in deltas for character in delta.text]


def words(count: int) -> TextDelta:
    return TextDelta("word " * count, 0)


@given(STEPS)
def test_nothing_is_lost_and_the_order_is_kept(steps: list[tuple[list[TextDelta], float, float, float]]) -> None:
    pacer, now = Pacer(), 100.0
    fed: list[TextDelta] = []
    given_out: list[TextDelta] = []
    for deltas, wait_s, last_s, more in steps:
        pacer.feed(deltas)
        fed += deltas
        now += wait_s
        given_out += pacer.take(now, now + last_s, more)
        assert len(pacer) == len(text_of(fed)) - len(text_of(given_out))
    given_out += pacer.all(now)
    assert by_character(given_out) == by_character(fed)
    assert all(delta.text for delta in given_out)
    assert len(pacer) == 0
    assert pacer.all(now) == []


@given(STEPS)
def test_text_that_is_there_never_comes_slower_than_the_least_rate(
    steps: list[tuple[list[TextDelta], float, float, float]],
) -> None:
    pacer, now, due = Pacer(), 100.0, 0.0
    pacer.take(now, now)
    for deltas, wait_s, last_s, more in steps:
        pacer.feed(deltas)
        now += wait_s
        due = min(due + LEAST_PER_S * wait_s, float(len(pacer)))
        due -= len(text_of(pacer.take(now, now + last_s, more)))
        assert not len(pacer) or due < OWED
        due = max(due, 0.0)


@given(st.lists(st.integers(1, 7), max_size=40), st.sampled_from(["one two three, four. " * 4, "歩くと眠れます。" * 8]))
def test_chunks_do_not_matter_to_how_much_comes(sizes: list[int], text: str) -> None:
    whole, cut = Pacer(), Pacer()
    whole.feed([TextDelta(text, 0)])
    at = 0
    for size in [*sizes, len(text)]:
        cut.feed([TextDelta(piece, 0) for piece in [text[at : at + size]] if piece])
        at += size
    for pacer in (whole, cut):
        pacer.take(0.0, 1.0)
    got = dict.fromkeys((whole, cut), "")
    for tick in range(1, 26):
        for pacer, before in got.items():
            got[pacer] = before + text_of(pacer.take(tick * 0.04, 1.0))
        assert abs(len(got[whole]) - len(got[cut])) < OWED
    for pacer, before in got.items():
        assert before + text_of(pacer.all(1.0)) == text


def test_text_lasts_until_the_moment_that_it_is_wanted_for() -> None:
    pacer = Pacer()
    pacer.feed([words(100)])  # 500 characters for 5 s
    pacer.take(0.0, 5.0)
    half = sum(len(text_of(pacer.take(tick * 0.04, 5.0))) for tick in range(1, 63))
    assert 230 <= half <= 260
    rest = sum(len(text_of(pacer.take(tick * 0.04, 5.0))) for tick in range(63, 126))
    assert half + rest >= 490


def test_what_will_come_on_hurries_what_is_there() -> None:
    slow, quick = Pacer(), Pacer()
    for pacer in (slow, quick):
        pacer.feed([words(100)])
        pacer.take(0.0, 10.0)
    assert len(text_of(slow.take(1.0, 10.0))) == pytest.approx(LEAST_PER_S, abs=6)
    assert len(text_of(quick.take(1.0, 10.0, 1000.0))) == pytest.approx(1500 / 9, abs=6)


def test_what_is_overdue_is_not_let_out_in_one_heap() -> None:
    pacer = Pacer()
    pacer.feed([words(100)])
    pacer.take(0.0, -5.0)
    assert 0 < len(text_of(pacer.take(0.04, -5.0))) <= 100


def test_a_pause_without_text_is_not_made_up_for() -> None:
    pacer = Pacer()
    pacer.take(0.0, 100.0)
    pacer.take(60.0, 100.0)  # nothing was there for a minute
    pacer.feed([words(40)])
    assert text_of(pacer.take(60.0, 100.0)) == ""
    assert len(text_of(pacer.take(60.5, 100.0))) <= 30


def test_english_comes_in_whole_words() -> None:
    pacer = Pacer()
    pacer.feed([TextDelta("Walk for half an hour on most days of the week.", 0)])
    pacer.take(0.0, 100.0)
    pieces = [text_of(pacer.take(tick * 0.1, 100.0)) for tick in range(1, 8)]
    assert [piece for piece in pieces if piece] == [
        *("Walk", " for", " half an", " hour on", " most", " days", " of the")
    ]


def test_a_long_word_comes_in_parts() -> None:
    pacer = Pacer()
    pacer.feed([TextDelta("Donaudampfschifffahrtsgesellschaftskapitän", 0)])
    pacer.take(0.0, 100.0)
    assert len(text_of(pacer.take(0.2, 100.0))) == 12


def test_japanese_comes_character_by_character() -> None:
    pacer = Pacer()
    pacer.feed([TextDelta("歩くと気分が晴れて、夜はよく眠れるようになります。", 0)])
    pacer.take(0.0, 100.0)
    pieces = [text_of(pacer.take(tick * 0.02, 100.0)) for tick in range(1, 11)]
    assert [len(piece) for piece in pieces] == pytest.approx([1.2] * 10, abs=0.81)
    assert "".join(pieces) == "歩くと気分が晴れて、夜は"
