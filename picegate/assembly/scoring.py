"""How good a finished passage is, seen against the point it expands. Pure; a fraction of a millisecond to a few.

Every defect is a number from 0 (none) to 1. Together they make one confidence, a logistic regression:

    confidence = 1 / (1 + exp(-(BIAS - sum(WEIGHTS[name] * defect))))

The weights were fitted to planted faults (`picegate bench quality --fit`, docs/decisions/0013). `unsure` and `sibling`
are the exceptions: rules plant no logprobs and no second point, so their weights are assumptions.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from math import exp
from typing import Self

from picegate.assembly.leaks import leaks
from picegate.assembly.numbers import Number, numbers
from picegate.assembly.passage import ELLIPSIS
from picegate.assembly.terms import Units, terms
from picegate.assembly.text import count_words, ends_sentence, normal, sentences
from picegate.core.language import Language, latin_letters, unspaced_letters
from picegate.core.quality import Quality
from picegate.core.sketch import Point
from picegate.core.value import value

BIAS = 3.5
WEIGHTS: Mapping[str, float] = {
    "terms": 3.2,
    "numbers": 2.8,
    "contradiction": 5.5,
    "language": 3.6,
    "repetition": 5.7,
    "length": 2.9,
    "leak": 5.6,
    "cut": 5.2,
    "copied": 6.1,
    "off_topic": 3.3,
    "unsure": 2.0,
    "sibling": 4.5,
}

_SHORT, _LONG = 0.6, 1.6  # times the budget: beyond them a passage does not fit
_SURE, _LOST = -1.0, -2.5  # mean logprob: perplexity 2.7 raises no doubt, 12 every doubt
_REPEATED = (0.03, 0.3)
_OTHER_UNIT = 0.8  # of a contradiction whose two numbers have different units, or none
_LIST = ("- ", "* ", "• ", "・")
_KANA = re.compile("[\u3041-\u30fa]")
_SIBLING = (0.4, 0.8)
_SIBLING_TERMS = 3  # fewer of its own do not tell a point from another
_COPY = 0.4  # share of a passage's word pairs that its notes hold anyway


@value
class Candidate:
    """A passage as it would be read.

    Attributes:
        cut: it was broken off, by its node's limit or by us.
        spoken: the language that the text was recognised as; None: not looked at.
        mean_logprob: of its tokens, natural; None where the node does not tell.
    """

    text: str
    cut: bool = False
    spoken: Language | None = None
    mean_logprob: float | None = None


@value
class Question:
    """The question of the whole answer, read once for all its passages. `language`: that it is asked in."""

    text: str
    language: Language
    numbers: list[Number]
    terms: set[str]
    _notes: dict[str, set[str]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, text: str, language: Language) -> Self:
        return cls(text, language, numbers(text), terms(text))

    def terms_of(self, notes: str) -> set[str]:
        """The key terms of one point's notes, read once, too: every passage is compared with all of them."""
        if notes not in self._notes:
            self._notes[notes] = terms(notes)
        return self._notes[notes]


def score(candidate: Candidate, point: Point, question: Question, others: Sequence[str] = ()) -> Quality:
    """`others`: notes of the answer's other points, as far as they are known.

    An empty passage has confidence 0; a point without facts lacks none.
    """
    text, notes = candidate.text.strip(), point.notes
    if not any(map(str.isalnum, text)):
        return Quality(0.0, {"empty": 1.0}, candidate.mean_logprob)
    # What several checks look at is looked up once.
    wanted, told = numbers(notes), numbers(text)
    said = sentences(text)
    key, found = question.terms_of(notes), [terms(sentence) for sentence in said]
    units = Units(text)
    defects = {
        "terms": missing_terms(found, key),
        "numbers": missing_numbers(told, wanted),
        "contradiction": contradiction(told, wanted, question.numbers),
        "language": foreign(said, notes, question.language, candidate.spoken),
        "repetition": repetition(said, units),
        "length": misfit(count_words(text) / point.words) if point.words > 0 else 0.0,
        "leak": float(bool(leaks(said, f"{notes}\n{question.text}"))),
        "cut": float(candidate.cut or broken_off(text)),
        "copied": copied(units, Units(notes)),
        "off_topic": off_topic(found, key | question.terms),
    }
    if others:
        defects["sibling"] = siblings(set().union(*found), key | question.terms, map(question.terms_of, others))
    if candidate.mean_logprob is not None:
        defects["unsure"] = _ramp(candidate.mean_logprob, _SURE, _LOST)
    return Quality(confidence(defects), defects, candidate.mean_logprob)


def confidence(defects: Mapping[str, float]) -> float:
    return 1.0 / (1.0 + exp(-(BIAS - sum(WEIGHTS[name] * defect for name, defect in defects.items()))))


def missing_terms(found: Sequence[set[str]], wanted: set[str]) -> float:
    """Share of the notes' key terms that the passage lacks: 1 - ROUGE-1 recall (Lin, 2004) on content words.

    `found`: the terms of each of its sentences.
    """
    return len(wanted.difference(*found)) / len(wanted) if wanted else 0.0


def missing_numbers(told: list[Number], wanted: list[Number]) -> float:
    """Share of the notes' numbers that the passage lacks."""
    return len(_without(wanted, told)) / len(wanted) if wanted else 0.0


def contradiction(told: list[Number], wanted: list[Number], asked: list[Number]) -> float:
    """A number of the point is missing, and one that nobody named is there: 1 with the same unit, else less.

    Values checked slot by slot against a table are the idea of PARENT (Dhingra et al., ACL 2019); a unit is our slot.
    """
    missing = _without(wanted, told)
    strange = _without(told, [*wanted, *asked])
    if not missing or not strange:
        return 0.0
    units = {number.unit for number in strange}
    return 1.0 if any(number.unit in units for number in missing) else _OTHER_UNIT


def foreign(said: Sequence[str], notes: str, language: Language, spoken: Language | None = None) -> float:
    """Share of the letters that stand in sentences of another script than the question's; of the notes' for OTHER.

    Two languages of one script are told apart only as a whole, where `spoken` says so.
    """
    unspaced = language is Language.JAPANESE
    if language is Language.OTHER:
        unspaced = unspaced_letters(notes) > latin_letters(notes)
    elif unspaced != (unspaced_letters(notes) > 0):
        return 0.0  # the notes are in another script themselves: a translation, a quotation
    elif language is Language.ENGLISH and spoken is Language.OTHER:
        return 1.0
    wrong = total = 0
    for sentence in said:
        dense, latin = unspaced_letters(sentence), latin_letters(sentence)
        chinese = language is Language.JAPANESE and dense >= 8 and not _KANA.search(sentence)
        total += 2 * dense + latin
        if chinese or (dense * 2 > latin) != unspaced:
            wrong += 2 * dense + latin
    return wrong / total if total else 0.0


def repetition(said: Sequence[str], units: Units) -> float:
    """Share of 4-grams (8 characters of an unspaced script) that came before: 1 - distinct-4 (Li et al., NAACL 2016).

    From nothing at 3 %, which good prose has, to all at 30 %: a text that says a third of itself again. A sentence
    twice in a row is all of it, however short.
    """
    if any(one and one == other for one, other in pairwise(map(normal, said))):
        return 1.0
    found = units.grams(4)
    return _ramp(1.0 - len(set(found)) / len(found), *_REPEATED) if found else 0.0


def misfit(ratio: float) -> float:
    """`ratio`: words written for each word of the budget."""
    return _ramp(ratio, _SHORT, 0.0) if ratio < 1 else _ramp(ratio, _LONG, _LONG + 1.0)


def broken_off(text: str) -> bool:
    """Whether the last sentence lacks its end; lines of a list have none."""
    last = text.rpartition("\n")[2].strip()
    return text.endswith(ELLIPSIS) or not (ends_sentence(text) or last.startswith(_LIST))


def copied(units: Units, notes: Units) -> float:
    """How much of the passage is its notes, word for word: ROUGE-2 precision (Lin, 2004) above what is usual."""
    held = set(notes.grams(2))
    found = units.grams(2)
    return _ramp(sum(map(held.__contains__, found)) / len(found), _COPY, 1.0) if found else 0.0


def off_topic(found: Sequence[set[str]], known: set[str]) -> float:
    """Share of the sentences that have not one key term in common with notes and question (`known`)."""
    said = [sentence for sentence in found if sentence]
    return sum(known.isdisjoint(sentence) for sentence in said) / len(said) if known and said else 0.0


def siblings(said: set[str], known: set[str], others: Iterable[set[str]]) -> float:
    """How much of another point the passage says: the share of its key terms that this point and the question lack.

    From nothing at 40 %, which a word on how two points belong together has, to all at 80 %. `others`: the key terms of
    each of them.
    """
    most = 0.0
    for other in others:
        theirs = other - known
        if len(theirs) >= _SIBLING_TERMS:
            most = max(most, len(theirs & said) / len(theirs))
    return _ramp(most, *_SIBLING)


def _without(some: list[Number], others: list[Number]) -> list[Number]:
    """Those of `some` that are not among `others`."""
    return [number for number in some if not any(number.is_same(other) for other in others)]


def _ramp(value: float, none: float, full: float) -> float:
    """0 at `none`, 1 at `full`, straight between them."""
    return min(1.0, max(0.0, (value - none) / (full - none)))
