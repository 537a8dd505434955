"""The lines of a passage as items: of the list it stands in, or of one of its own."""

from picegate.assembly.before import Before
from picegate.assembly.markers import Marker, marker
from picegate.assembly.text import ends_sentence


class ListLines:
    """Says with what each line begins, the line break before it included.

    Attributes:
        any: the last line is a list's.
        continues: the passage's own list goes on with the one before it.
    """

    def __init__(self, item: Marker | None, before: Before) -> None:
        self._item = item  # the passage is one, if any
        self._before = before
        self._pad = " " * item.width if item else ""
        self._nested = False
        self._last: dict[int, Marker] = {}  # by indentation
        self.any = item is not None
        self.continues = False

    def first(self, line: str) -> str:
        """The marker of the passage's first line, where it is a list of its own."""
        own = marker(line)
        if own is None or self._item is not None:
            return ""
        before = self._before.item
        self.continues = before is not None and before.indent == 0 and (before.number is None) == (own.number is None)
        settled = self._before.following(own) if self.continues else own
        self._last[0] = settled
        self.any = True
        return settled.text

    def item(self, own: Marker, breaks: int, indent: str, before: str) -> str | None:
        """A line with a marker; None where it is the next item of the list that the passage is one item of."""
        if self._item is not None:
            if not indent and not self._nested and self._is_next(own, before):
                return None
            self._nested, breaks = True, 1
        last = self._last.get(len(indent))
        if last is not None:
            if own.number is None and last.number is None:
                own = last
            elif own.number is not None and last.number is not None and own.number <= last.number:
                own = own.at(last.number + 1)
        for deeper in [depth for depth in self._last if depth > len(indent)]:
            del self._last[deeper]
        self._last[len(indent)] = own
        self.any = True
        return "\n" * breaks + self._pad + indent + own.text

    def code(self, breaks: str, indent: str) -> str:
        """A line of code, or of the fence around it."""
        if self._item is None:
            self.any = False
            return breaks + indent
        self._nested = True
        return "\n" + self._pad + indent

    def plain(self, breaks: int, indent: str, space: str) -> str:
        """`space`: what stands between two words. A passage that is one item has one paragraph."""
        if self._item is not None:
            return "\n" + self._pad + indent if self._nested else space
        if not indent:
            self._last.clear()
            self.any = False
        return "\n" * breaks + indent

    def _is_next(self, own: Marker, before: str) -> bool:
        assert self._item is not None  # noqa: S101
        if (own.number is None) != (self._item.number is None):
            return False
        return own.number > 1 if own.number is not None else ends_sentence(before)
