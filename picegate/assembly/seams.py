"""Where one segment of the answer meets the next: what a passage says again, leaves open or does not continue.

A seam stands between a segment's text and the reader, from the moment its turn comes, so all that stands before it is
known. It is fed in any chunks; what has gone out is never rewritten. What cannot be mended that way (a passage about
another's point, the same phrases at the beginning of each) is for the score.
"""

import re
from enum import Enum, auto

from picegate.assembly.before import LEAST_SAID, Before
from picegate.assembly.endings import ELLIPSIS, missing_end
from picegate.assembly.lead_rules import NO, WAIT
from picegate.assembly.list_lines import ListLines
from picegate.assembly.markers import marker, may_be_marked, may_be_step, step
from picegate.assembly.markup import closed
from picegate.assembly.openings import CONCLUSIONS, head_of, heading, may_conclude, said_before, words_first
from picegate.assembly.text import normal
from picegate.core.language import is_unspaced
from picegate.core.sketch import Point

LEAST_AMID = 20  # letters of a sentence that is not said again in the middle of a passage
_FIRST_LINE = 300  # characters within which the second line tells whether the first is a list's
_SPACES = " \t\u3000"
_OPENERS = "*_`(（「『“【[\"'"
_UNSETTLED = f"{_SPACES}\n\r{_OPENERS},、，;；"  # at the end of a text: what they are is known when more comes
_ENDS_BEHIND = ".!?…。！？\"'”’)]*_`」』）】"
_STOP = re.compile(
    r"(?=[.!?…。！？ \t\u3000\r\n])"  # no other character begins one: seen before the alternatives are tried
    r"(?:[.!?…][\"'”’)\]*_`]*(?=\s)|[。！？]|[ \t\u3000]*\r?\n)"
)
_NOTABLE = re.compile(rf"[.!?…。！？\n\r{re.escape(_OPENERS)},、，;；]|\s\Z")
_LOST_END = re.compile(r"[,、，;；(（「『“\[][ \t\u3000,、，;；(（「『“\[]*(?=…)")
_COMMAS = ",、，"
_FENCES = ("```", "~~~")


class _At(Enum):
    """Where in the passage the held text stands."""

    BEGINNING = auto()
    TEXT = auto()
    SENTENCE = auto()
    LINE = auto()


class Seam:
    """Of a passage. Attribute `prefix`: the list marker it gets, which goes on with the list before it."""

    def __init__(self, point: Point, before: Before) -> None:
        self._before = before
        self.prefix = before.prefix(point.prefix)
        self._item = marker(f"{self.prefix}x")
        self._own_head = normal(head_of(point.notes))
        self._heads = tuple({head for head in (before.heading, self._own_head) if head})
        self._concludes = may_conclude(point.notes)
        self._words = (*before.connectives, *(() if self._concludes else CONCLUSIONS))
        self._wrote = False
        self._begin()

    def _begin(self) -> None:
        self._at = _At.BEGINNING
        self._held = ""
        self._skip = 0  # characters at the beginning of `_held` that are settled
        self._tail = ""  # the last that went out, since the last sentence began
        self._block: list[str] = []  # what went out since the last paragraph began
        self._cut = False
        self._over = False
        self._verse = False  # lines of their own: nothing in them is a repetition
        self._fence = ""
        self._lines = ListLines(self._item, self._before)

    def feed(self, text: str) -> str:
        if self._at is _At.TEXT and not (self._held or self._fence or _NOTABLE.search(text)) and self._flows():
            self._tail = text
            self._block.append(text)
            return text
        if self._over:
            return ""
        self._held += text
        return self._run(final=False)

    def flush(self) -> str:
        """The passage is whole: close what it has left open."""
        return self._run(final=True) + self._end()

    def reset(self) -> None:
        """Forget what has not gone out; another text goes on behind what has."""
        if not self._wrote:
            self._begin()
            return
        self._at, self._held, self._skip, self._over = _At.TEXT, "", 0, False

    def continues_list(self, text: str) -> bool:
        """Whether the segment, beginning with this text, is the next item of the list that stands before it."""
        return self._before.item is not None and (self._item is not None or self._lines.continues)

    def _flows(self) -> bool:
        return not self._over and self._tail[-1:] not in _ENDS_BEHIND

    def _run(self, *, final: bool) -> str:
        out: list[str] = []
        while self._held and not self._over:
            if self._at is _At.TEXT:
                text = self._text()
            elif self._at is _At.SENTENCE:
                text = self._sentence(final)
            else:
                text = self._beginning(final) if self._at is _At.BEGINNING else self._line(final)
            if text is None:
                break
            if text:
                out.append(text)
                self._wrote = True
                self._block.append(text)
                self._skip = 0
        return "".join(out)

    # Each step takes from `_held`, says where the rest stands, and returns what goes out; None: more text is needed.

    def _beginning(self, final: bool) -> str | None:
        held = self._held = self._held.lstrip()
        if not held:
            return None
        length = self._superfluous(held, final)
        if length == WAIT:
            return None
        if length > NO:
            self._held, self._cut = held[length:], True
            return ""
        fence = _fence(held)
        if (fence == WAIT or (self._cut and len(held) < 2)) and not final:
            return None
        if self._cut:
            held = _capital(held)
        first = self._lines.first(held)
        self._held = first + held
        if first:
            own = marker(held)
            self._held = first + held[len(own.text) if own else 0 :]
            self._verse = True
        self._skip = len(first)
        self._fence = held[:3] if fence > NO else ""
        self._at = _At.TEXT
        return ""

    def _superfluous(self, held: str, final: bool) -> int:
        lengths = [self._marked(held, final), heading(held, self._heads, final=final)]
        lengths.append(said_before(held, self._before.said, LEAST_SAID, final=final))
        lengths.append(words_first(held, self._words, final=final)[0])
        return WAIT if WAIT in lengths else max(lengths)

    def _marked(self, held: str, final: bool) -> int:
        """A marker where the passage has one already, or in front of what is no list."""
        own = marker(held)
        if self._item is not None and self._item.number is not None and (length := step(held)):
            return length
        if own is None:
            labelled = self._item is not None and self._item.number is not None and may_be_step(held)
            return WAIT if not final and (labelled or may_be_marked(held)) else NO
        if self._item is not None:
            return len(own.text)
        _, newline, rest = held.partition("\n")
        rest = rest.lstrip()
        if (
            not final
            and len(held) < _FIRST_LINE
            and not (newline and rest and (marker(rest) or not may_be_marked(rest)))
        ):
            return WAIT
        return NO if marker(rest) else len(own.text)

    def _text(self) -> str | None:
        seen = self._tail + self._held
        stop = None if self._fence else _STOP.search(seen, len(self._tail) + self._skip if self._skip else 0)
        if self._fence:
            newline = seen.find("\n", len(self._tail) + self._skip)
            size = newline - len(self._tail)
            at = _At.LINE if newline >= 0 else None
        elif stop:
            at = _At.LINE if stop.group().endswith("\n") else _At.SENTENCE
            size = (stop.start() if at is _At.LINE else stop.end()) - len(self._tail)
        else:
            at = None
        if at is not None:
            text, self._held = self._held[: max(0, size)], self._held[max(0, size) :]
            text = self._without_lost_end(text)
            self._at, self._tail, self._skip = at, "", 0
            return text
        text = self._held.rstrip(f"{_SPACES}\r" if self._fence else _UNSETTLED)
        if len(text) <= self._skip:
            return None
        self._held = self._held[len(text) :]
        text = self._without_lost_end(text)
        self._tail = (self._tail + text[self._skip :])[-8:]
        return text

    def _without_lost_end(self, text: str) -> str:
        """Without the comma or the opening bracket that an ellipsis stands behind."""
        if ELLIPSIS not in text or self._fence:
            return text
        return text[: self._skip] + _LOST_END.sub("", text[self._skip :])

    def _sentence(self, final: bool) -> str | None:
        held = self._held
        gap = self._skip or len(held) - len(held.lstrip(_SPACES))
        rest = held[gap:].lstrip(_SPACES)
        if not rest:
            return None
        if rest[0] in "\r\n":
            self._at, self._skip = _At.LINE, 0
            return ""
        held = self._held = held[:gap] + rest
        if not gap and rest[0] in "」』）】”。！？":
            self._held = rest[1:]
            return rest[0]
        if not self._verse:
            length = said_before(rest, self._before.said, LEAST_AMID, final=final)
            if length == NO and not self._concludes:
                length, _ = words_first(rest, CONCLUSIONS, final=final)
                if length > NO:
                    self._held, self._skip = held[:gap] + _capital(rest[length:]), gap
                    return ""
            if length == WAIT:
                return None
            if length > NO:
                self._held, self._skip = held[:gap] + rest[length:], gap
                return ""
        self._at = _At.TEXT
        return ""

    def _line(self, final: bool) -> str | None:
        rest = self._held.lstrip()
        if not rest:
            return None
        space = self._held[: len(self._held) - len(rest)].replace("\r", "")
        breaks, indent = min(space.count("\n"), 2), space.rpartition("\n")[2]
        fence = _fence(rest)
        if self._fence:
            if fence == WAIT and not final:
                return None
            if rest.startswith(self._fence):
                self._fence = ""
                self._block.clear()
                self._verse = True
                return self._begin_line(self._lines.code("\n" * space.count("\n"), indent) + rest[:3], rest[3:])
            return self._begin_line(self._lines.code("\n" * space.count("\n"), indent), rest)
        if not final and (fence == WAIT or may_be_marked(rest)):
            return None
        if fence > NO:
            closers = self._close_block()
            self._fence = rest[:3]
            return self._begin_line(closers + self._lines.code("\n" * breaks, indent) + rest[:3], rest[3:])
        own = marker(rest)
        if own is not None:
            settled = self._lines.item(own, breaks, indent, "".join(self._block))
            if settled is None:
                return self._stop()
            self._verse = True
            return self._begin_line(self._close_block() + settled, rest[len(own.text) :])
        length = heading(rest, self._before.heads - {self._own_head}, final=final, dressed=True)
        if length == WAIT:
            return None
        if length > NO:
            return self._stop()
        tight = is_unspaced(rest[0]) or is_unspaced("".join(self._block)[-1:] or " ")
        settled = self._lines.plain(breaks, indent, "" if tight else " ")
        if breaks > 1 and settled.startswith("\n"):
            settled = self._close_block() + settled
            self._begin_line(settled, rest)
            self._at = _At.SENTENCE
            self._verse = False
            return ""
        self._verse = self._verse or settled.startswith("\n")
        return self._begin_line(settled, rest)

    def _begin_line(self, settled: str, rest: str) -> str:
        self._held, self._skip, self._at = settled + rest, len(settled), _At.TEXT
        return ""

    def _close_block(self) -> str:
        _, closers = closed("".join(self._block))
        self._block.clear()
        return closers

    def _stop(self) -> str:
        """From here on it is another's point."""
        self._over = True
        self._held = ""
        return ""

    def _end(self) -> str:
        settled, tail, self._held, self._over = self._held[: self._skip], self._held[self._skip :].rstrip(), "", True
        if self._fence:
            return self._lines.code("\n", "") + self._fence
        if settled.endswith(_FENCES):
            return settled
        block = "".join(self._block)
        if not (self._wrote or tail):
            return ""
        whole, cut = _without_comma(block + tail)
        size, closers = closed(whole)
        kept, comma = _without_comma(whole[:size])
        kept = block + kept[len(block) :] if len(kept) > len(block) else block
        mark = missing_end(kept, cut=cut or comma, is_item=self._lines.any)
        ended = mark + closers if mark == ELLIPSIS else closers + mark
        return (settled + kept[len(block) :] if kept[len(block) :] else "") + ended


def _fence(text: str) -> int:
    """Whether a line begins a code fence."""
    if text.startswith(_FENCES):
        return 3
    return WAIT if any(fence.startswith(text) for fence in _FENCES) else NO


def _capital(text: str) -> str:
    """With its first letter large, unless the word is written like "iPad"."""
    return text if text[1:2].isupper() or not text[0].isascii() else text[0].upper() + text[1:]


def _without_comma(text: str) -> tuple[str, bool]:
    """The text without what cannot stand at its end, and whether that was a comma."""
    bare = text.rstrip(f"{_SPACES}\n{_COMMAS};；")
    return bare, any(character in _COMMAS for character in text[len(bare) :])
