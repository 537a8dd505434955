"""The decoder of upstream streams."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.wire.sse import SseDecoder

SAMPLE = (
    ": keep-alive\n"
    "retry: 3000\r\n"
    'data: {"a": 1}\n\n'
    "event: message\rid: 7\rdata:{}\r\r"
    'data: {"text": "こんにちは、世界"}\r\n\r\n'
    "data: first\ndata: second\ndata\n\n"
    "\n\n"
    ": ping\n"
    "data:  two spaces\n\n"
    "data: [DONE]\n\n"
).encode()
PAYLOADS = [
    b'{"a": 1}',
    b"{}",
    '{"text": "こんにちは、世界"}'.encode(),
    b"first\nsecond\n",
    b" two spaces",
    b"[DONE]",
]


def decode(*chunks: bytes, max_bytes: int = 10_000) -> list[bytes]:
    decoder = SseDecoder(max_bytes)
    return [payload for chunk in chunks for payload in decoder.feed(chunk)] + decoder.flush()


def test_a_stream_in_one_chunk_gives_its_payloads() -> None:
    assert decode(SAMPLE) == PAYLOADS


def test_a_stream_byte_by_byte_gives_the_same_payloads() -> None:
    assert decode(*(SAMPLE[at : at + 1] for at in range(len(SAMPLE)))) == PAYLOADS


def test_every_split_in_two_gives_the_same_payloads() -> None:
    for at in range(len(SAMPLE) + 1):
        assert decode(SAMPLE[:at], SAMPLE[at:]) == PAYLOADS, at


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=12))
def test_any_split_gives_the_same_payloads(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SAMPLE)]
    assert decode(*(SAMPLE[a:b] for a, b in pairwise(edges))) == PAYLOADS


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 7),
)
def test_what_was_written_is_read_whatever_the_line_ends(texts: list[str], end: str, size: int) -> None:
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert decode(*chunks) == [text.encode() for text in texts]


def test_a_payload_comes_out_with_the_chunk_that_closes_its_event() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: 1\n") == []
    assert decoder.feed(b"\n") == [b"1"]
    assert decoder.feed(b"data: 2\n\ndata: 3\n\nda") == [b"2", b"3"]
    assert decoder.feed(b"ta: 4\n\n") == [b"4"]
    assert decoder.flush() == []


def test_a_whole_event_after_half_a_comment_is_still_part_of_the_comment() -> None:
    assert decode(b": pi", b"data: 1\n\n", b"data: 2\n\n") == [b"2"]


def test_a_last_event_without_its_blank_line_is_flushed() -> None:
    assert decode(b"data: 1\n\ndata: [DONE]") == [b"1", b"[DONE]"]
    assert decode(b"data: [DONE]\n") == [b"[DONE]"]
    assert decode(b"data: [DONE]\r") == [b"[DONE]"]


@pytest.mark.parametrize("chunk", [b"data: 12345678", b"12345678901234", b"data: 1234\n"])
def test_an_endless_event_is_an_error(chunk: bytes) -> None:
    with pytest.raises(ValueError, match="larger than 64 bytes"):
        decode(*[chunk] * 20, max_bytes=64)


def test_an_endless_stream_of_small_events_is_none() -> None:
    decoder = SseDecoder(max_bytes=64)
    for _ in range(100):
        assert decoder.feed(b"data: 1\n\ndata: 2\n") == [b"1"]
        assert decoder.feed(b"\n") == [b"2"]
