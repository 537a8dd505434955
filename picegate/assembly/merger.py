"""Segments in reading order become one answer, streamed live for the segment whose turn it is.

Prose (the cloud's own text) and passages are separated by one blank line, items of one list by a line break. An empty
passage leaves no gap. What a passage says again or leaves open is mended at the seam (`seams.py`). What the reader gets
depends on the segments' texts alone: not on their chunks, and not on the order in which passages arrive. A passage of
which it is still open which text it will have can be held: the turn then stops in front of it.
"""

import re
from collections.abc import Sequence

from picegate.assembly.before import Before
from picegate.assembly.gate import Gate
from picegate.assembly.prose_seam import ProseSeam
from picegate.assembly.seams import Seam
from picegate.core.events import CLOUD, TextDelta
from picegate.core.sketch import Point

_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)+")  # at the beginning of prose: whole lines without a character


class _Segment:
    """One stretch of the answer. `incoming` waits for its turn; `out` has gone into the answer, and only grows."""

    def __init__(self, point: Point | None) -> None:
        self.point = point
        self.incoming: list[tuple[str, str]] = []  # text, writer
        self.out = ""
        self.space = ""  # seen at the end of `out`; part of the text only if more text follows
        self.start = 0  # where in the answer its turn began
        self.seam: Seam | ProseSeam | None = None  # from its turn on
        self.writer = CLOUD  # the last one
        self.closed = False
        self.held = False
        self.ended = False  # all that is left has been taken

    @property
    def prefix(self) -> str:
        return self.seam.prefix if self.seam else ""

    def take(self, before: Before) -> list[tuple[str, str]]:
        """The text that may go out now, without space at either end of the segment."""
        if self.seam is None:
            self.seam = ProseSeam(before) if self.point is None else Seam(self.point, before)
        taken: list[tuple[str, str]] = []
        pieces = [(self.seam.feed(text), writer) for text, writer in self.incoming]
        self.writer = self.incoming[-1][1] if self.incoming else self.writer
        if self.closed and not self.ended:
            self.ended = True
            pieces.append((self.seam.flush(), self.writer))
        for text, writer in pieces:
            text = self.space + text
            body = text.rstrip()
            self.space = text[len(body) :]
            if body and not self.out:
                body = self._without_beginning(body)
            if body:
                self.out += body
                if taken and taken[-1][1] == writer:  # written while others were read: all of it is one piece now
                    body = taken.pop()[0] + body
                taken.append((body, writer))
        self.incoming.clear()
        return taken

    def _without_beginning(self, body: str) -> str:
        if self.point is not None:
            return body.lstrip()
        blank = _BLANK_LINES.match(body)
        return body[blank.end() :] if blank else body


class Merger:
    """Every method returns what may go to the reader now.

    Args:
        stop: stop strings over the merged answer; neither they nor anything behind them is released.
        max_tokens: bound on the merged answer, in estimated tokens; cut between words.
    """

    def __init__(self, *, stop: Sequence[str] = (), max_tokens: int | None = None) -> None:
        self._gate = Gate(stop, max_tokens)
        self._segments: list[_Segment] = []
        self._turn = 0
        self._holds = 0
        self._merged = ""  # what has gone to the gate
        self._last: _Segment | None = None  # the last one that left text
        self._before = Before()
        self._owed: list[TextDelta] = []  # released while nothing could be returned
        self._sketching = True
        self._released: list[str] = []

    @property
    def turn(self) -> int:
        """The segment whose text is released live; one past the last while there is none."""
        return self._turn

    @property
    def holds(self) -> bool:
        """Some passage is held."""
        return self._holds > 0

    def is_held(self, segment: int) -> bool:
        return self._segments[segment].held

    def is_read(self, segment: int) -> bool:
        """What comes of this segment goes to the reader at once, or has gone."""
        return segment < self._turn or (segment == self._turn and not self._segments[segment].held)

    @property
    def text(self) -> str:
        """All that was released so far."""
        return "".join(self._released)

    @property
    def finish_reason(self) -> str | None:
        """ "stop" where a stop string was hit, "length" where `max_tokens` was; None: nothing cut the answer."""
        return self._gate.finish_reason

    @property
    def finished(self) -> bool:
        """Nothing more will be released."""
        return self.finish_reason is not None or (not self._sketching and self._turn == len(self._segments))

    def prose(self, text: str) -> list[TextDelta]:
        """The cloud's own text, in any chunks."""
        if not self._sketching:
            raise ValueError("the sketch has ended")
        if not text:
            return []
        if not self._segments or self._segments[-1].point is not None:
            self._add(_Segment(None))
        self._segments[-1].incoming.append((text, CLOUD))
        return self._advance()

    def open_passage(self, point: Point) -> int:
        """A place for a passage, behind all there is so far. Returns the number of its segment."""
        if not self._sketching:
            raise ValueError("the sketch has ended")
        self._close_prose()
        self._add(_Segment(point))
        return len(self._segments) - 1

    def passage(self, segment: int, text: str, writer: str) -> list[TextDelta]:
        """More text of a passage.

        Raises:
            ValueError: the passage is closed, or the segment is none.
        """
        self._open(segment).incoming.append((text, writer))
        return self._advance()

    def close_passage(self, segment: int) -> list[TextDelta]:
        self._open(segment).closed = True
        return self._advance()

    def hold(self, segment: int) -> None:
        """Keep a passage of which nothing has been read from being read, until it is let go.

        Raises:
            ValueError: the passage is closed, or the segment is none.
        """
        passage = self._open(segment)
        held = not passage.out
        self._holds += held - passage.held
        passage.held = held

    def let_go(self, segment: int) -> list[TextDelta]:
        """Undo `hold`."""
        self._holds -= self._segments[segment].held
        self._segments[segment].held = False
        return self._advance()

    def close_prose(self) -> list[TextDelta]:
        """The sketch has ended: no segment will be added."""
        self._sketching = False
        self._close_prose()
        return self._advance()

    def reset(self, segment: int) -> None:
        """The passage is begun again: what has not been released of it is forgotten, what has been stays."""
        passage = self._open(segment)
        passage.incoming.clear()
        passage.space = ""
        if isinstance(passage.seam, Seam):
            passage.seam.reset()

    def shown(self, segment: int) -> str:
        """The text of a passage that is part of the answer for good: without prefix, and without space at its end."""
        return self._segments[segment].out

    def other_notes(self, point: Point) -> list[str]:
        """The notes of the answer's other points, as far as it has any yet."""
        points = [segment.point for segment in self._segments if segment.point is not None]
        return [other.notes for other in points if other.index != point.index]

    def before(self, segment: int) -> str | None:
        """The answer up to this segment, or None while any of it is still missing."""
        if self._turn < segment:
            return None
        return self._merged[: self._segments[segment].start]

    def _add(self, segment: _Segment) -> None:
        segment.start = len(self._merged)  # final if its turn is now
        self._segments.append(segment)

    def _open(self, segment: int) -> _Segment:
        passage = self._segments[segment]
        if passage.point is None or passage.closed:
            raise ValueError(f"segment {segment} is no open passage")
        return passage

    def _close_prose(self) -> None:
        if self._segments and self._segments[-1].point is None:
            self._segments[-1].closed = True
            self._owed = self._advance()

    def _pass_turns(self) -> None:
        """Over all that is closed and has nothing left to give."""
        while self._turn < len(self._segments):
            segment = self._segments[self._turn]
            if segment.held or not segment.ended or segment.incoming:
                return
            if segment.out:
                self._before.add(segment.out, segment.point, segment.prefix)
            self._turn += 1
            if self._turn < len(self._segments):
                self._segments[self._turn].start = len(self._merged)

    def _advance(self) -> list[TextDelta]:
        deltas: list[TextDelta] = []
        while self._turn < len(self._segments):
            turn, segment = self._turn, self._segments[self._turn]
            if segment.held:
                break
            for text, writer in segment.take(self._before):
                text = self._joint(segment, text) + text
                deltas += self._gate.feed(TextDelta(text, turn, writer))
                self._merged += text
                self._last = segment
            self._pass_turns()
            if self._turn == turn:
                break
        if self.finished:
            deltas += self._gate.flush()
        self._released += [delta.text for delta in deltas]
        owed, self._owed = self._owed, []
        return owed + deltas

    def _joint(self, segment: _Segment, text: str) -> str:
        """What stands between the answer so far and the next text of `segment`."""
        if self._last is segment:
            return ""
        if self._last is None:
            return segment.prefix
        same_list = segment.seam is not None and segment.seam.continues_list(text)
        return ("\n" if same_list or (self._last.prefix and segment.prefix) else "\n\n") + segment.prefix
