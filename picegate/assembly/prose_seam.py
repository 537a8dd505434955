"""Where the cloud goes on behind a passage."""

from picegate.assembly.before import LEAST_SAID, Before
from picegate.assembly.lead_rules import NO, WAIT
from picegate.assembly.markers import marker, may_be_marked
from picegate.assembly.openings import said_before

_SPACES = " \t\u3000"


class ProseSeam:
    """Of the cloud's own text behind a passage, whose last sentence it does not say again."""

    prefix = ""

    def __init__(self, before: Before) -> None:
        self._before = before
        self._held = ""
        self._open = bool(before.said) or before.item is not None
        self._cut = False

    def feed(self, text: str) -> str:
        if not self._open:
            return text
        self._held += text
        return self._decide(final=False)

    def flush(self) -> str:
        return self._decide(final=True) if self._open else ""

    def continues_list(self, text: str) -> bool:
        own, item = marker(text), self._before.item
        return own is not None and item is not None and (own.number is None) == (item.number is None)

    def _decide(self, *, final: bool) -> str:
        rest = self._held.lstrip()
        if not rest and not final:
            return ""
        if not self._cut:
            length = said_before(rest, self._before.said[-1:], LEAST_SAID, final=final)
            if length == WAIT:
                return ""
            if length > NO:
                self._cut, self._held = True, rest[length:]
        if self._cut:
            self._held = self._held.lstrip(_SPACES)
        if not final and (not self._held or (self._before.item is not None and may_be_marked(self._held.lstrip()))):
            return ""
        self._open = False
        text, self._held = self._held, ""
        return text
