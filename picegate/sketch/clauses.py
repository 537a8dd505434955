"""What a point's notes say, clause by clause; and points made of some of the clauses, or of two points.

`Sleep: 7-9 h; fixed wake time; no screens` is a topic and three clauses. What is cut or joined is the notes' own text,
character by character, so no fact is lost or changed.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from picegate.core.sketch import Point

LIST_ITEMS = 4  # commas part clauses only in lists as long as this, and only behind a topic

_DENSE = "[^\x00-\u2e7f]"  # of a script without spaces between words, or its punctuation
# "7:30" and "http://" name no topic.
_TOPIC = re.compile(rf"[^:：;；。!！?？,，、]{{1,60}}(?:：|:(?=\s)|(?<={_DENSE}):)\s*")
# Ends of sentences behind a word of four letters or a bracket: "approx." and "Dr." are none.
_SENTENCE = rf"[。！？]|(?:(?<=\w{{4}})(?<!Prof)|(?<=[)%]))[.!?](?=\s+(?:[A-ZÀ-Þ]|{_DENSE}))"
_STRONG = re.compile(rf"(?:[;；]|{_SENTENCE})\s*(?=\S)")
# A comma before such a word begins a clause that says nothing by itself.
_BOUND = "and|or|but|so|which|who|whose|that|where|when|while|because|since|although|then|not|e\\.g|i\\.e"
_COMMA = re.compile(rf"(?:,(?=\s)|[、，])\s*(?!(?:{_BOUND})\b)(?=\S)", re.IGNORECASE)
_OPENING, _CLOSING = "([{（［「『【“", ")]}）］」』】”"
_ENDS = ".!?。！？;；"


@dataclass(frozen=True, slots=True)
class Clauses:
    """`topic` with the colon and space behind it, empty where there is none; the `spans` of `notes` behind it."""

    notes: str
    topic: str
    spans: tuple[tuple[int, int], ...]

    def text(self, first: int, last: int) -> str:
        """The topic and the clauses from `first` up to `last`, not included."""
        return self.topic + self.notes[self.spans[first][0] : self.spans[last - 1][1]].rstrip("; ；、，,")


def clauses(notes: str) -> Clauses:
    found = _TOPIC.match(notes)
    topic = found.group() if found and found.end() < len(notes) else ""
    start = len(topic)
    breaks = [at for at in _breaks(_STRONG, notes, start) if topic or _stands_alone(notes, at)]
    if not breaks and topic:
        commas = _breaks(_COMMA, notes, start)
        breaks = commas if len(commas) + 1 >= LIST_ITEMS else []
    return Clauses(notes, topic, tuple(pairwise([start, *breaks, len(notes)])))


def separable(point: Point) -> int:
    """How many parts a point may have at most: 1 where it depends on others, or is an item of a list."""
    return 1 if point.depends or point.prefix else len(clauses(point.notes).spans)


def cut(point: Point, count: int) -> tuple[Point, ...]:
    """The point as `count` parts in reading order: each with the topic and its clauses, words in proportion to them.

    Raises:
        ValueError: it is not so far separable.
    """
    if not 1 <= count <= separable(point):
        raise ValueError(f"not separable into {count} parts")
    found = clauses(point.notes)
    ends = _even(found.spans, count)
    origin, total = found.spans[0][0], found.spans[-1][1] - found.spans[0][0]
    parts: list[Point] = []
    for number, (first, last) in enumerate(pairwise([0, *ends])):
        before = round(point.words * (found.spans[first][0] - origin) / total)
        after = round(point.words * (found.spans[last - 1][1] - origin) / total)
        part = replace(point, notes=found.text(first, last), words=max(after - before, 1))
        parts.append(part if number == 0 else replace(part, follows=True))
    return tuple(parts)


def joined(first: Point, second: Point) -> Point:
    """Both points as one, in the first one's place."""
    head = first.notes.rstrip()
    dense = re.match(_DENSE, second.notes) is not None
    ended = head.endswith(tuple(_ENDS))
    joint = ("" if ended else "；") if dense else (" " if ended else "; ")
    return replace(first, notes=f"{head}{joint}{second.notes}", words=first.words + second.words)


def _breaks(pattern: re.Pattern[str], notes: str, start: int) -> list[int]:
    """Where clauses begin, but for the first; none within brackets or quotation marks."""
    places = [match.end() for match in pattern.finditer(notes, start)]
    return [at for at in places if _depth(notes[:at]) == 0]


def _depth(text: str) -> int:
    return sum((character in _OPENING) - (character in _CLOSING) for character in text)


def _stands_alone(notes: str, at: int) -> bool:
    """Whether the clause there names its own subject, as far as its first letter tells: "lowers cortisol" does not."""
    return not notes[at].islower()


def _even(spans: tuple[tuple[int, int], ...], count: int) -> list[int]:
    """Ends of `count` runs of neighbouring clauses, as even as can be by one pass; every run has one at least."""
    origin, total = spans[0][0], spans[-1][1] - spans[0][0]
    ends: list[int] = []
    for number in range(1, count):
        low, high = (ends[-1] if ends else 0) + 1, len(spans) - (count - number)
        wanted = origin + total * number / count
        ends.append(min(range(low, high + 1), key=lambda end: abs(spans[end - 1][1] - wanted)))
    return [*ends, len(spans)]
