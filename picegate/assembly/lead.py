"""The beginning of a passage: held back while it may be something that does not belong there, then cut or let go."""

import re

from picegate.assembly.lead_rules import NO, REFUSALS, RULES, WAIT, same_start
from picegate.assembly.text import normal
from picegate.core.language import is_unspaced
from picegate.core.sketch import Point

_HEAD = re.compile(r"([^:：\-–—,、。.]{2,40}?)\s*(?:[:：]|\s[-–—]\s)")
_BOLD = re.compile(r"\*\*(?P<inner>[^*\n]{1,80})\*\*(?P<after>[:：]?[ \t]*)(?P<next>[\s\S]?)")
_BOLD_OPEN = re.compile(r"\*{1,2}|\*\*[^*\n]{1,80}(?:\*{1,2}[:：]?[ \t]*)?")
_END = "\n\0"  # what rules see behind the last character of all
_QUOTES = {'"': '"', "“": "”", "「": "」", "『": "』", "«": "»"}
_QUOTE_REACH = 60  # characters; a quotation longer than that is taken for the whole passage in quotes
_REPEAT_MIN = 10  # characters of the text before that count as a repetition, letters of unspaced scripts twice


class Lead:
    """Fed with single characters; `flush` at the end. Empty answers mean "not yet".

    Attributes:
        open: whether the beginning is still undecided.
        echo: the notes themselves have been cut.
        refusal: the model declines; the text is no passage.
        quote: the closing quote to be cut from the passage's end, where it came in quotes.
        space: the white space that the text began with.
    """

    def __init__(self, point: Point, shown: str) -> None:
        self.open = True
        self.echo = False
        self.refusal = False
        self.quote = ""
        self.space = ""
        self._held = ""
        self._capital = False
        head = _HEAD.match(point.notes)
        self._head = head[1] if head else ""
        notes = point.notes.rstrip(" .。")
        self._notes = tuple(text for text in (notes, notes[head.end() :].lstrip() if head else "") if len(text) > 3)
        self._repeats = _repeats(shown)

    def feed(self, character: str) -> str:
        if not self.open:
            return character
        if not self._held and character.isspace():
            self.space += character
            return ""
        self._held += character.upper() if self._capital and not self._held else character
        return self._decide(final=False)

    def flush(self) -> str:
        return self._decide(final=True) if self.open and self._held else ""

    def _decide(self, *, final: bool) -> str:
        while self._held:
            length = self._length(final=final)
            if length == WAIT and not final:
                return ""
            if length <= NO:
                break
            cut, self._held = self._held[:length], self._held[length:].lstrip()
            self._capital = cut.rstrip().endswith(",")
            if self._capital:
                self._held = self._held[:1].upper() + self._held[1:]
            if not self._held:
                return ""
        self.open = False
        return self._held

    def _length(self, *, final: bool) -> int:
        """How much of what is held does not belong to the passage; or NO, or WAIT."""
        text = self._held + _END if final else self._held
        for find in (self._repeated, self._echoed):
            length = find(self._held, final)
            if length != NO:
                return length
        lengths = [rule.length(text) for rule in RULES.get(text[0], ())]
        lengths += [self._titled(text), self._quoted(self._held, final)]
        refusals = [rule.length(text) for rule in REFUSALS.get(text[0], ())]
        if max(refusals, default=NO) > NO:
            self.refusal = True
            return len(self._held)
        if max(lengths) > NO:
            return min(max(lengths), len(self._held))
        return WAIT if WAIT in (*lengths, *refusals) else NO

    def _repeated(self, text: str, final: bool) -> int:
        """The text before this one, or its end, said again."""
        best = NO
        for repeat in self._repeats:  # the longest first
            following = text[len(repeat) : len(repeat) + 1]
            if text.startswith(repeat) and (following or final):
                if not following or not following.isalnum() or is_unspaced(following):
                    best = max(best, len(repeat))
            elif repeat.startswith(text) and not final:
                return WAIT
        return best

    def _echoed(self, text: str, final: bool) -> int:
        """The notes as a line of their own."""
        for notes in self._notes:
            if not same_start(text, notes):
                continue
            rest = text[len(notes) :]
            if len(text) >= len(notes):
                ended = re.match(r"[.。]?[ \t]*\n\s*", rest)
                if ended or (final and not rest.strip(" \t.。")):
                    self.echo = True
                    return len(notes) + (ended.end() if ended else len(rest))
            if not final and not rest.strip(" \t.。"):
                return WAIT
        return NO

    def _titled(self, text: str) -> int:
        """The notes' first words as a title or label, or a line in bold type."""
        if self._head and same_start(text, self._head):
            rest = text[len(self._head) :]
            label = re.match(r"[ \t]*(?:[:：]\s*|\n\s*)", rest)
            if label:
                return len(self._head) + label.end()
            if not rest.strip():
                return WAIT
        bold = _BOLD.match(text)
        if bold and bold["next"]:
            is_label = bool(re.search(r"[:：]", bold["inner"][-1] + bold["after"]))
            known = self._head and normal(bold["inner"]) == normal(self._head)
            return bold.end("after") if bold["next"] == "\n" or (is_label and known) else NO
        return WAIT if _BOLD_OPEN.fullmatch(text) else NO

    def _quoted(self, text: str, final: bool) -> int:
        """An opening quote whose closing one is far: the whole passage stands in quotes."""
        closing = _QUOTES.get(text[0])
        if closing is None or self.quote:
            return NO
        rest = text[1:]
        end = rest.find(closing)
        if end >= 0 and end < len(rest.rstrip()) - 1:
            return NO
        if (len(rest) <= _QUOTE_REACH or end >= 0) and not final:
            return WAIT
        if end < 0 and final:
            return NO
        self.quote = closing
        return 1


def _repeats(shown: str) -> list[str]:
    """What a continuation may begin with although the reader has it: `shown`, or an end of it; longest first."""
    found = [shown] if shown else []
    for at in range(1, len(shown)):
        if not (is_unspaced(shown[at]) or is_unspaced(shown[at - 1]) or shown[at - 1].isspace()) or shown[at].isspace():
            continue
        end = shown[at:]
        if len(end) + sum(map(is_unspaced, end)) < _REPEAT_MIN:
            break
        found.append(end)
    return found
