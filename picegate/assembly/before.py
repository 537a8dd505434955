"""What stands before a segment, as far as the seam to it needs to know."""

import re

from picegate.assembly.markers import Marker, marker
from picegate.assembly.openings import CONNECTIVES, head_of, weight, words_first
from picegate.assembly.text import normal
from picegate.core.sketch import Point

LEAST_SAID = 12  # letters of a sentence that must not be said again, those of an unspaced script twice
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？\n]")
_DRESS = '#*_ \t「『【〈“"」』】〉”:：■◆●▶'
_LONGEST_HEADING = 60  # characters


class Before:
    """Told of every segment that left text, once it is whole.

    Attributes:
        said: sentences so far, as `normal` makes them; the last one last.
        heads: headings and labels so far, and the heads of points, likewise.
        heading: the last line, where it may be a heading.
        item: the marker of the list item that the answer ends with.
        connectives: with which passages have begun.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heads: set[str] = set()
        self.heading = ""
        self.item: Marker | None = None
        self.connectives: set[str] = set()

    def add(self, text: str, point: Point | None, prefix: str = "") -> None:
        """`text`: without the `prefix` that its passage was given."""
        said = [normal(sentence) for sentence in _SENTENCE_END.split(text)]
        self.said += [sentence for sentence in said if weight(sentence) >= LEAST_SAID]
        lines = text.splitlines()
        if point is None:
            self.heads.update(head for line in lines if (head := _heading(line, sure=True)))
        else:
            _, connective = words_first(text, CONNECTIVES, final=True)
            if connective:
                self.connectives.add(connective)
            if head := normal(head_of(point.notes)):
                self.heads.add(head)
        self.heading = _heading(lines[-1])
        self.item = marker(f"{prefix}x") if prefix else _last_item(lines)

    def prefix(self, wanted: str) -> str:
        """The list marker for the next passage, where its point has one: it goes on with the list before it."""
        own, item = marker(f"{wanted}x") if wanted else None, self.item
        if own is None or item is None or own.indent != item.indent:
            return wanted
        return self.following(own).text

    def following(self, own: Marker) -> Marker:
        """A marker as it must be behind the item that the answer ends with."""
        item = self.item
        if item is None or (own.number is None) != (item.number is None):
            return own
        if own.number is None or item.number is None:
            return item
        return own if own.number > item.number else own.at(item.number + 1)


def _heading(line: str, *, sure: bool = False) -> str:
    """The words of a heading, as `normal` makes them. `sure`: not of any short line."""
    line = line.strip()
    if not line or len(line) > _LONGEST_HEADING or (sure and not (line[0] in "#*【■◆" or line[-1] in ":：")):
        return ""
    bare = line.lstrip("# \t")
    number = marker(bare)
    return normal((bare[len(number.text) :] if number else bare).strip(_DRESS))


def _last_item(lines: list[str]) -> Marker | None:
    for line in reversed(lines):
        if found := marker(line):
            if found.indent == 0:
                return found
        elif not line.startswith((" ", "\t")):
            return None
    return None
