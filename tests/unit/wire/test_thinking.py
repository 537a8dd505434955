"""Thinking inside the answer's text is taken off its beginning, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.wire.thinking import ThinkingSplitter


def split(*chunks: str) -> tuple[str, str]:
    splitter = ThinkingSplitter()
    parts = [splitter.feed(chunk) for chunk in chunks] + [splitter.flush()]
    return "".join(part.thinking for part in parts), "".join(part.text for part in parts)


@pytest.mark.parametrize(
    ("answer", "thinking", "text"),
    [
        ("<think>\n>>60 hm\n</think>\n\nOpening.\n", "\n>>60 hm\n", "Opening.\n"),
        ("\n<think>考え中</think>答え", "考え中", "答え"),
        ("<think></think>Yes.", "", "Yes."),
        ("<think>and no end", "and no end", ""),
        ("<think>a </thi b</think>c", "a </thi b", "c"),
        ("Plain <think>text</think>.", "", "Plain <think>text</think>."),
        ("<thinking> is a word", "", "<thinking> is a word"),
        ("<th", "", "<th"),
        ("", "", ""),
    ],
)
def test_every_way_to_cut_a_stream_gives_the_same(answer: str, thinking: str, text: str) -> None:
    assert split(answer) == (thinking, text)
    assert split(*answer) == (thinking, text)
    for cut in range(len(answer)):
        assert split(answer[:cut], answer[cut:]) == (thinking, text)


@given(st.lists(st.text(alphabet="<think>/ a\n", max_size=8), max_size=12))
def test_nothing_is_lost_but_the_tags_and_the_space_around_them(chunks: list[str]) -> None:
    whole = "".join(chunks)
    thinking, text = split(*chunks)
    if whole.lstrip().startswith("<think>"):
        assert whole.lstrip().startswith("<think>" + thinking)
        assert whole.endswith(text)
    else:
        assert (thinking, text) == ("", whole)
