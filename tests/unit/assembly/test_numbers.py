"""Numbers and their units, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.numbers import Number, numbers


@pytest.mark.parametrize(
    "text",
    ["30 min", "30-minute", "thirty minutes", "30分", "三十分", "３０分間", "30 minutes."],
)
def test_one_duration_is_one_number_in_every_writing(text: str) -> None:
    assert numbers(text) == [Number(30.0, "min")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7-9 h", [Number(7, "h"), Number(9, "h")]),
        ("between seven and nine hours", [Number(7, "h"), Number(9, "h")]),
        ("7〜9時間", [Number(7, "h"), Number(9, "h")]),
        ("235-577 billion dollars", [Number(235e9, "dolla"), Number(577e9, "dolla")]),
        ("2350億から5770億ドル", [Number(2350e8), Number(5770e8)]),
        ("1万基", [Number(10_000)]),
        ("10,000 gates", [Number(10_000, "gates")]),
        ("27.3 days", [Number(27.3, "day")]),
        ("3x a week", [Number(3, "times")]),
        ("twenty-five years", [Number(25, "year")]),
        ("80%", [Number(80, "%")]),
        ("in 1889.", [Number(1889)]),
        ("one of them", []),
        ("二週間", [Number(2, "week")]),
        ("統一された", []),
        ("", []),
    ],
)
def test_ranges_scales_and_units_are_understood(text: str, expected: list[Number]) -> None:
    assert numbers(text) == expected


def test_equal_values_of_different_units_are_different_numbers() -> None:
    assert not Number(10, "g").is_same(Number(10, "min"))
    assert Number(10, "g").is_same(Number(10))
    assert Number(10, "gates").is_same(Number(10, "doors"))


@given(st.text())
def test_any_text_has_some_numbers_or_none(text: str) -> None:
    assert all(number.value >= 0 for number in numbers(text))
