"""The sketch as it streams in: the cloud's own text goes on at once, delegation lines become points.

A line is held back only while its beginning may still become a delegation line, so prose loses no time. What comes out
depends on the text alone, never on how it was cut into chunks.

Is a line `>> text`, without a number, a point or a quoted mail? It is text
- in a quotation: right below a line that begins with `>` and is text, or below an attribution ("Bob wrote:");
- when it is an attribution itself, or quotes further (`>> > text`);
- when it is among the first two of its kind and a line with a single `>` follows at once: they wait for that line.
Otherwise it is a point. Once a sketch has shown a point, nothing waits any more. `>>60 text` is a point anywhere
outside code fences; `>> 60 text` everywhere but in a quotation.
"""

from dataclasses import dataclass

from picegate.core.sketch import Point
from picegate.sketch.fences import FenceTracker
from picegate.sketch.line import Delegation, introduces_quote, opens, quoted, read, undecided

MIN_WORDS = 10
MAX_NOTES = 600  # characters; more is not notes but the passage itself
MAX_LINE = 4_000  # characters; a delegation line that long never ends
PATIENCE = 2  # repeated points in a row that end a sketch
DOUBTS = 2  # lines without a number that wait for the line after them, at most


@dataclass(frozen=True, slots=True)
class Prose:
    """The cloud's own text, as it came."""

    text: str


Piece = Prose | Point


class SketchParser:
    """Feed it the sketch in any chunks; `flush` when it has ended.

    Args:
        max_points: a sketch with more is taken for endless.
        max_words, default_words: the bound on a point's budget, and the budget where none (or nonsense) is written.
    """

    def __init__(self, *, max_points: int, max_words: int = 400, default_words: int = 60) -> None:
        self._max_points = max_points
        self._max_words = max_words
        self._default_words = default_words
        self._fences = FenceTracker()
        self._line = ""  # the current line so far
        self._holding = True  # the line may become, or is, a delegation line: none of it has gone out
        self._doubtful: list[tuple[str, Delegation]] = []  # lines without a number, waiting for the line after them
        self._seen: set[str] = set()
        self._count = 0
        self._repeats = 0
        self._quoting = False
        self._attributed = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """The sketch goes nowhere any more (too many points, or the same again and again): stop the upstream."""
        return self._ended

    def feed(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        while text and not self._ended:
            text = self._hold(text, pieces) if self._holding else self._pass(text, pieces)
        return _joined(pieces)

    def flush(self) -> list[Piece]:
        """The rest, after the last chunk."""
        pieces: list[Piece] = []
        if not self._ended and self._line:
            self._close_line(pieces)
        if not self._ended:
            self._settle(pieces)
        self._ended = True
        return _joined(pieces)

    def _hold(self, text: str, pieces: list[Piece]) -> str:
        """Take of `text` what the held line needs; returns the rest."""
        if opens(self._line):
            stop = text.find("\n") + 1 or len(text)
            stop = min(stop, MAX_LINE - len(self._line))
            self._line += text[:stop]
            if self._line.endswith("\n"):
                self._close_line(pieces)
            elif len(self._line) >= MAX_LINE:
                self._close_line(pieces)
                self._settle(pieces)
                self._ended = True
            return text[stop:]
        self._line += text[0]
        if self._line.endswith("\n"):
            self._close_line(pieces)
        elif not undecided(self._line) and not opens(self._line):
            self._release(pieces)
        return text[1:]

    def _pass(self, text: str, pieces: list[Piece]) -> str:
        stop = text.find("\n") + 1 or len(text)
        self._line += text[:stop]
        pieces.append(Prose(text[:stop]))
        if self._line.endswith("\n"):
            self._note_text_line()
        return text[stop:]

    def _release(self, pieces: list[Piece]) -> None:
        """The held line is text: let it go, and whatever its beginning decides about the lines before it."""
        self._settle(pieces, quotation=quoted(self._line))
        if not self._ended:
            pieces.append(Prose(self._line))
            self._holding = False

    def _close_line(self, pieces: list[Piece]) -> None:
        found = read(self._line.rstrip("\r\n")) if self._holding and opens(self._line) else None
        if found is None or self._is_quotation(found):
            if self._holding:
                self._release(pieces)
            if not self._ended:
                self._note_text_line()
        elif found.words is None and self._count == 0 and len(self._doubtful) < DOUBTS:
            self._doubtful.append((self._line, found))
            self._line = ""
        else:
            self._settle(pieces)
            if not self._ended:
                self._delegate(found, pieces)

    def _is_quotation(self, found: Delegation) -> bool:
        if found.glued:
            return False
        if self._quoting or self._attributed:
            return True
        return found.words is None and (introduces_quote(found.notes) or quoted(found.notes))

    def _note_text_line(self) -> None:
        """A line of text has ended: remember what it means for the next one."""
        blank = not self._line.strip()
        if not self._fences.inside:
            self._quoting = quoted(self._line)
            if not blank:
                self._attributed = introduces_quote(self._line)
        self._fences.line(self._line)
        self._line = ""
        self._holding = not self._fences.inside

    def _settle(self, pieces: list[Piece], *, quotation: bool = False) -> None:
        """Decide on the doubtful lines."""
        doubtful, self._doubtful = self._doubtful, []
        here = self._line
        for line, found in doubtful:
            if self._ended:
                return
            if quotation:
                pieces.append(Prose(line))
            else:
                self._delegate(found, pieces)
        self._line = here

    def _delegate(self, found: Delegation, pieces: list[Piece]) -> None:
        self._line = ""
        self._quoting = self._attributed = False
        notes = found.notes[:MAX_NOTES].rstrip()
        if not any(character.isalnum() for character in notes):
            return
        same = "".join(character for character in notes.casefold() if character.isalnum())
        if same in self._seen:
            self._repeats += 1
            self._ended = self._repeats >= PATIENCE
            return
        if self._count >= self._max_points:
            self._ended = True
            return
        self._seen.add(same)
        self._repeats = 0
        words = min(max(found.words or self._default_words, MIN_WORDS), self._max_words)
        pieces.append(Point(index=self._count, notes=notes, words=words, depends=found.depends, prefix=found.prefix))
        self._count += 1


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring prose as one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Prose) and isinstance(last, Prose):
            joined[-1] = Prose(last.text + piece.text)
        elif not (isinstance(piece, Prose) and not piece.text):
            joined.append(piece)
    return joined
