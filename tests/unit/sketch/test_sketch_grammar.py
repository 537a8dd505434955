"""The grammar for guided sketches: what it lets through is a sketch."""

import re

import pytest

from picegate.core.sketch import Point
from picegate.sketch.grammar import sketch_grammar
from picegate.sketch.parser import SketchParser


def test_the_number_of_points_stands_in_the_root_rule() -> None:
    assert 'root ::= opening "\\n" point{2,5} closing?' in sketch_grammar(min_points=2, max_points=5)


@pytest.mark.parametrize(("low", "high"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_numbers_of_points_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="points"):
        sketch_grammar(min_points=low, max_points=high)


def test_every_rule_that_is_named_is_defined() -> None:
    grammar = sketch_grammar(min_points=2, max_points=5)
    rules = {line.split(" ::= ")[0] for line in grammar.splitlines()}
    assert rules == {"root", "opening", "closing", "sentence", "capital", "inner", "point", "budget", "note", "letter"}


def test_budgets_stay_within_the_bound() -> None:
    assert 'budget ::= [3-8] "0"\n' in sketch_grammar(min_points=1, max_points=2, max_words=80)
    assert 'budget ::= [3-9] "0" | [1-4] [0-9] "0"\n' in sketch_grammar(min_points=1, max_points=2)


def as_pattern(grammar: str) -> re.Pattern[str]:
    """The grammar as a regular expression: it has no recursion, and both notations share the rest of their syntax."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def expand(body: str) -> str:
        pattern = ""
        for token in re.findall(r'"(?:\\.|[^"])*"|\[(?:\\.|[^\]])*\]|[a-z]+|[^\s]', re.sub(r"\{\d+,\d+\}", mark, body)):
            if token.startswith('"'):
                pattern += f"(?:{re.escape(token[1:-1].encode().decode('unicode_escape'))})"
            elif token in rules:
                pattern += f"(?:{expand(rules[token])})"
            else:
                pattern += counts.get(token, token)
        return pattern

    counts: dict[str, str] = {}

    def mark(found: re.Match[str]) -> str:
        sign = chr(0xE000 + len(counts))
        counts[sign] = found[0]
        return sign

    return re.compile(expand(rules["root"]))


@pytest.mark.parametrize(
    "sketch",
    [
        "Stress has many causes. A few habits help nearly everyone within 1.5 weeks.\n"
        ">>60 Exercise: 30 min aerobic 3x a week lowers cortisol\n>>120+ Sleep: 7-9 h, fixed wake time\n"
        "See a doctor if it lasts longer than 1.5 months.",
        "ストレスには、いくつかの習慣の見直しが役に立つことがあります。\n"
        ">>60 運動は週3回、30分が目安、コルチゾール低下\n>>80 睡眠は7時間から9時間、起床時刻を毎日固定する\n",
    ],
)
def test_sketches_in_any_language_are_let_through(sketch: str) -> None:
    assert as_pattern(sketch_grammar(min_points=2, max_points=3)).fullmatch(sketch)
    pieces = SketchParser(max_points=3).feed(sketch)
    assert sum(isinstance(piece, Point) for piece in pieces) == 2


OPENING = "Stress has many causes and few cures.\n"
POINTS = ">>60 Exercise: 30 min aerobic\n>>60 Sleep: seven to nine hours\n"


@pytest.mark.parametrize(
    "text",
    [
        POINTS,
        OPENING,
        OPENING + ">>60 Exercise: 30 min aerobic\n",
        OPENING + POINTS + POINTS,
        OPENING + POINTS + "A closing.\nAnd another one that goes on.",
        OPENING + POINTS.replace("60", "9000"),
        OPENING + POINTS.replace("Sleep", "Sleep " * 40),
        "Stress " * 100 + ".\n" + POINTS,
        "Stress has many causes and few cures.2.3.4.5.\n" + POINTS,
        "Stress has many causes.hence few cures.\n" + POINTS,
        OPENING + POINTS.replace("Sleep", ">>60 Sleep"),
    ],
)
def test_nothing_endless_or_unfinished_is_let_through(text: str) -> None:
    assert not as_pattern(sketch_grammar(min_points=2, max_points=3)).fullmatch(text)
