"""Numbers of a text with their units, however they are written: "30 min", "thirty minutes", "三十分", "２週間"."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_WORDS = {word: float(value) for value, word in enumerate(_SMALL.split())}
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS |= {word: 20.0 + 10 * value for value, word in enumerate(_TENS.split())}
_WORDS |= {"twice": 2.0, "thrice": 3.0, "dozen": 12.0}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "百": 1e2, "千": 1e3, "万": 1e4, "億": 1e8}
_KANJI = {character: float(value) for value, character in enumerate("〇一二三四五六七八九")}


def _any_of(words: Iterable[str]) -> str:
    """A pattern for one of `words`, the longest that fits; by first letters, so that most are ruled out at once."""
    by_first = groupby(sorted(words, key=lambda word: (word[0], -len(word))), key=lambda word: word[0])
    return "|".join(
        f"{re.escape(first)}(?:{'|'.join(re.escape(word[1:]) for word in some)})" for first, some in by_first
    )


_WORD = _any_of(_WORDS)
_FIRST = "".join(sorted({word[0] for word in _WORDS}))
_KANJI_DIGITS = "〇一二三四五六七八九十百"
_FOUND = re.compile(
    rf"(?=[\d{_FIRST}{_KANJI_DIGITS}])"  # most characters begin no number: seen before the alternatives are tried
    r"(?:(?P<digits>\d[\d,]*(?:\.\d+)?)"
    rf"|\b(?P<word>(?:{_WORD})(?:[- ](?:{_WORD}))?)\b"
    rf"|(?P<kanji>[{_KANJI_DIGITS}]+)(?=[つ人回分秒時日週月年度枚本個冊種段件項か点階倍割千万億]))",
    re.IGNORECASE,
)
_ASCII_BEGINS = re.compile(rf"\d|\b(?:{_WORD})\b")  # in lower case: most text has no number, which this tells sooner
_SCALE = re.compile(r"[ -]?(hundred|thousand|million|billion|百|千|万|億)", re.IGNORECASE)
_RANGE = re.compile(rf"\s*(?:-|–|—|〜|~|から|to|and|or)\s*(?:\d|(?:{_WORD})\b)", re.IGNORECASE)

# One name for each unit; what is not here is its own name. The longest that fits is taken.
_UNITS = {
    "h": ("h", "hr", "hrs", "hour", "hours", "時間"),
    "min": ("min", "mins", "minute", "minutes", "分間", "分"),
    "s": ("s", "sec", "second", "seconds", "秒間", "秒"),
    "day": ("d", "day", "days", "日間", "日分", "日"),
    "week": ("week", "weeks", "wk", "週間", "週"),
    "month": ("month", "months", "か月", "ヶ月", "カ月", "ヵ月", "月"),
    "year": ("year", "years", "yr", "年間", "年"),
    "%": ("%", "percent", "per cent", "パーセント"),
    "degree": ("°c", "° c", "°", "c", "degrees", "度"),
    "times": ("x", "times", "回"),
    "m": ("m", "metre", "metres", "meter", "meters", "メートル"),
    "cm": ("cm", "センチメートル", "センチ"),
    "km": ("km", "kilometre", "kilometres", "kilometer", "kilometers", "キロメートル", "キロ"),
    "g": ("g", "gram", "grams", "グラム"),
    "kg": ("kg", "kilogram", "kilograms", "キログラム"),
    "l": ("l", "litre", "litres", "liter", "liters", "リットル"),
    "ml": ("ml", "ミリリットル"),
    "person": ("people", "person", "persons", "人"),
}
_NAMES = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings}
_UNIT = re.compile(
    rf"[ -]?(?:({_any_of(_NAMES)})(?![a-z])|([a-z]{{3,}}))",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """`unit`: its one name ("min"), or the word behind the number cut to five letters, or empty."""

    value: float
    unit: str = ""

    def is_same(self, other: "Number") -> bool:
        """Equal values, unless both have units that we know and these differ."""
        return self.value == other.value and not (self.unit != other.unit and {self.unit, other.unit} <= _UNITS.keys())


def numbers(text: str) -> list[Number]:
    """In the text's order. Of a range ("7-9 h", "2-3 million") both ends have the unit and the scale.

    "one" alone is an article, not a figure.
    """
    if text.isascii() and not _ASCII_BEGINS.search(text.lower()):
        return []
    text = unicodedata.normalize("NFKC", text)
    found: list[Number] = []
    open_range: list[float] = []  # values whose unit and scale come behind the range's end
    for match in _FOUND.finditer(text):
        value, end, scale = _value(match), match.end(), 1.0
        while scaled := _SCALE.match(text, end):
            scale *= _SCALES[scaled[1].lower()]
            end = scaled.end()
        if match["word"] and value <= 1 and scale == 1:
            continue
        if scale == 1 and _RANGE.match(text, end):
            open_range.append(value)
            continue
        unit = _unit(text, end)
        found += [Number(begun * scale, unit) for begun in open_range]
        open_range.clear()
        found.append(Number(value * scale, unit))
    return found + [Number(begun) for begun in open_range]


def _unit(text: str, at: int) -> str:
    match = _UNIT.match(text, at)
    if match is None:
        return ""
    return _NAMES[match[1].lower()] if match[1] else match[2].lower()[:5]


def _value(match: re.Match[str]) -> float:
    if digits := match["digits"]:
        return float(digits.replace(",", ""))
    if match["word"]:
        return sum(_WORDS[part] for part in re.split("[- ]", match["word"].lower()))
    total, digit = 0.0, 0.0
    for character in match["kanji"]:
        if character in "十百":
            total += (digit or 1.0) * (10.0 if character == "十" else 100.0)
            digit = 0.0
        else:
            digit = digit * 10 + _KANJI[character]
    return total + digit
