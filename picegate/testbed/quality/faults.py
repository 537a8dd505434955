"""Faults planted into good passages by rules. They are not what models get wrong, but what can be told for certain.

Nothing here shares a rule with `assembly/scoring.py`, or the exam would ask only what the candidate has written itself.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from picegate.core.language import Language
from picegate.testbed.quality.leaked import Leaked
from picegate.testbed.quality.passages import Example


@dataclass(frozen=True, slots=True)
class Fault:
    """`example` with `text` in the place of its own."""

    kind: str
    example: Example
    text: str


Rule = Callable[[Example, Sequence[Example], Leaked, random.Random], Iterator[str]]


def plant(half: Sequence[Example], leaked: Leaked, seed: int = 20) -> list[Fault]:
    """Every kind of fault in every passage of one half, as far as there is something to spoil."""
    faults: list[Fault] = []
    for example in half:
        for kind, rule in RULES.items():
            draw = random.Random(f"{seed} {kind} {example.topic} {example.language}")  # noqa: S311
            faults += [Fault(kind, example, text) for text in rule(example, half, leaked, draw)]
    return faults


def _wrong_number(of: Example, _: Sequence[Example], __: Leaked, draw: random.Random) -> Iterator[str]:
    """A figure that the notes name is another one; in digits, or spelt out."""
    named = set(re.findall(r"\d+", of.point.notes.replace(",", "")))
    places = [m for m in re.finditer(r"\d[\d,]*", of.text) if m.group().replace(",", "") in named]
    for place in draw.sample(places, min(2, len(places))):
        right = int(place.group().replace(",", ""))
        wrong = right + draw.choice((-1, 1)) * max(1, round(right * draw.uniform(0.1, 0.6)))
        if str(wrong) not in named:
            yield f"{of.text[: place.start()]}{wrong}{of.text[place.end() :]}"
    spelt = {"two": "five", "three": "six", "four": "nine", "five": "eight", "ten": "forty", "thirty": "fifty"}
    found = re.search(rf"\b({'|'.join(spelt)})\b(?! (?:years later|stories|questions))", of.text, re.IGNORECASE)
    if found:
        yield f"{of.text[: found.start()]}{spelt[found.group().lower()]}{of.text[found.end() :]}"


def _wrong_language(of: Example, half: Sequence[Example], _: Leaked, __: random.Random) -> Iterator[str]:
    """The other language from the first word, or from the middle on."""
    twin = next(other for other in half if other.topic == of.topic and other.language != of.language)
    own, others = _sentences(of.text), _sentences(twin.text)
    yield twin.text
    yield _joined(of.language, own[: len(own) // 2], others[len(others) // 2 :])


def _loop(of: Example, _: Sequence[Example], __: Leaked, draw: random.Random) -> Iterator[str]:
    """A sentence again and again, and a few words again and again."""
    own = _sentences(of.text)
    at = draw.randrange(len(own))
    yield _joined(of.language, own[: at + 1], [own[at]] * draw.randint(2, 4), own[at + 1 :])
    units = of.text.split(" ") if of.language is Language.ENGLISH else list(of.text)
    size = draw.randint(3, 6) if of.language is Language.ENGLISH else draw.randint(6, 12)
    start = draw.randrange(size, len(units) - size)
    space = " " if of.language is Language.ENGLISH else ""
    yield space.join(units[: start + size] + units[start : start + size] * draw.randint(4, 8)) + "."


def _off_topic(of: Example, half: Sequence[Example], _: Leaked, draw: random.Random) -> Iterator[str]:
    """Another question's passage, and a drift into one behind the first sentence."""
    strangers = [other for other in half if other.topic != of.topic and other.language is of.language]
    one, two = draw.sample(strangers, 2)
    yield one.text
    yield _joined(of.language, _sentences(of.text)[:1], _sentences(two.text)[1:])


def _leaked_instruction(of: Example, _: Sequence[Example], leaked: Leaked, draw: random.Random) -> Iterator[str]:
    """Talk about the task before the passage, and behind it."""
    before, behind = leaked.of(of.language)
    yield _joined(of.language, [draw.choice(before)], [of.text])
    yield _joined(of.language, [of.text], [draw.choice(behind)])


def _cut_off(of: Example, _: Sequence[Example], __: Leaked, draw: random.Random) -> Iterator[str]:
    """The text ends in the middle of a sentence."""
    units = of.text.split(" ") if of.language is Language.ENGLISH else list(of.text)
    space = " " if of.language is Language.ENGLISH else ""
    for share in (draw.uniform(0.3, 0.6), draw.uniform(0.6, 0.95)):
        yield space.join(units[: max(1, int(len(units) * share))]).rstrip(" .!?。！？」")


def _copied_point(of: Example, half: Sequence[Example], leaked: Leaked, draw: random.Random) -> Iterator[str]:
    """The notes as they are, and the notes dressed as a sentence or two."""
    end = "." if of.language is Language.ENGLISH else "。"
    notes = of.point.notes
    yield notes + end
    head, _, rest = notes.partition(":")
    parts = [part.strip() for part in re.split("[;、]", rest) if part.strip()]
    if of.language is Language.ENGLISH:
        yield " ".join(f"{part[0].upper()}{part[1:]}." for part in parts)
    else:
        yield f"{head}は、" + "。".join(parts) + "です。"


RULES: dict[str, Rule] = {
    "wrong number": _wrong_number,
    "wrong language": _wrong_language,
    "loop": _loop,
    "off-topic": _off_topic,
    "leaked instruction": _leaked_instruction,
    "cut-off": _cut_off,
    "copied point": _copied_point,
}


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?]) |(?<=[。！？])", text) if part.strip()]


def _joined(language: Language, *parts: Sequence[str]) -> str:
    return (" " if language is Language.ENGLISH else "").join(sentence for part in parts for sentence in part)
