"""The text gate shows whole characters only, and nothing of a stop string, however its bytes are cut."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.engine.text import TextGate

SAMPLES = [
    ("Sleep well. STOP and more", ("STOP",)),
    ("睡眠は大切です。おわり。続き", ("おわり", "。続")),
    ("tea 🍵👩‍🔬 and 🌱END🌱", ("END",)),
    ("aaab aab", ("aab",)),
    ("abcd", ("bcd", "c")),
    ("no stop here: STO", ("STOP",)),
    ("日本語", ()),
]


def passed(chunks: Sequence[bytes], stop: Sequence[str]) -> tuple[str, bool]:
    gate = TextGate(stop)
    text = "".join(gate.feed(chunk) for chunk in chunks)
    return text + gate.flush(), gate.stopped


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(at), len(data)])]


@pytest.mark.parametrize(("text", "stop"), SAMPLES)
def test_every_cut_into_three_gives_the_same_text(text: str, stop: tuple[str, ...]) -> None:
    data = text.encode()
    whole = passed([data], stop)
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            assert passed(cut(data, [first, second]), stop) == whole


@pytest.mark.parametrize(("text", "stop"), SAMPLES)
def test_byte_by_byte_nothing_is_shown_that_must_be_taken_back(text: str, stop: tuple[str, ...]) -> None:
    final, _ = passed([text.encode()], stop)
    gate, shown = TextGate(stop), ""
    for byte in text.encode():
        shown += gate.feed(bytes([byte]))
        assert final.startswith(shown)
        assert "\ufffd" not in shown


def test_a_stop_string_and_what_follows_are_never_shown() -> None:
    assert passed([b"Sleep well. ST", b"OP and more"], ["STOP"]) == ("Sleep well. ", True)


def test_the_beginning_of_a_stop_string_is_shown_when_it_turns_out_to_be_none() -> None:
    gate = TextGate(["STOP"])
    assert gate.feed(b"a STO") == "a "
    assert gate.holds_back
    assert gate.feed(b"RY") == "STORY"
    assert not gate.holds_back


def test_the_stop_string_that_is_complete_first_wins() -> None:
    assert passed([b"abcd"], ["bcd", "c"]) == ("ab", True)


def test_half_a_character_at_the_end_becomes_a_replacement_character() -> None:
    assert passed(["日".encode()[:2]], []) == ("\ufffd", False)


def test_nothing_is_shown_after_the_stop() -> None:
    gate = TextGate(["."])
    assert gate.feed(b"one. two") == "one"
    assert gate.feed(b"three") == ""
    assert gate.flush() == ""


texts = st.text(alphabet="ab日🌱.", max_size=24)


@given(text=texts, stop=st.lists(st.text(alphabet="ab日🌱", min_size=1, max_size=3), max_size=3), data=st.data())
def test_any_split_gives_the_same_text(text: str, stop: list[str], data: st.DataObject) -> None:
    raw = text.encode()
    at = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    shown, stopped = passed(cut(raw, at), stop)
    assert (shown, stopped) == passed([raw], stop)
    assert text.startswith(shown)
    assert not any(s in shown for s in stop)
    assert stopped == any(s in text for s in stop)


@given(raw=st.binary(max_size=24), data=st.data())
def test_even_broken_bytes_do_not_depend_on_the_split(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    assert passed(cut(raw, at), []) == (raw.decode(errors="replace"), False)
