"""The last gate before the reader: stop strings and the bound on tokens, over the whole merged answer."""

import re
from collections.abc import Sequence

from picegate.core.events import TextDelta
from picegate.core.language import UNSPACED, is_unspaced
from picegate.core.tokens import token_weight

# A word that begins this near to the bound waits until it is whole, so that the cut falls between words. A longer
# "word" than that (a URL, a line of base64) is cut wherever the bound falls.
_NEAR = 64.0  # tokens
_UNITS = re.compile(rf"\s+|[{UNSPACED}]|[^\s{UNSPACED}]+")


class Gate:
    """Takes the merged text in any pieces; what it lets through depends on the text alone, not on the pieces."""

    def __init__(self, stop: Sequence[str], max_tokens: int | None) -> None:
        self._stop = tuple(sorted({s for s in stop if s}, key=len, reverse=True))
        self._max_tokens = max_tokens
        self._held: list[TextDelta] = []  # may be the beginning of a stop string
        self._waiting: list[TextDelta] = []  # spaces, or spaces and an unfinished word near the bound
        self._in_word = False
        self._word_waits = False
        self._weight = 0.0  # of all text let through, and of `_waiting`
        self.finish_reason: str | None = None

    def feed(self, delta: TextDelta) -> list[TextDelta]:
        if self.finish_reason or not delta.text:
            return []
        if not self._stop and self._max_tokens is None:  # most requests: nothing to look for
            return [delta]
        self._held.append(delta)
        held = "".join(piece.text for piece in self._held)
        hit = _first_hit(held, self._stop)
        if hit is not None:
            passed = _joined(self._bound(_take(self._held, hit)) + self._release())
            self.finish_reason = self.finish_reason or "stop"
            self._held.clear()
            return passed
        return self._bound(_take(self._held, len(held) - _longest_beginning(held, self._stop)))

    def flush(self) -> list[TextDelta]:
        """The answer has ended: nothing that was held back became a stop string."""
        if self.finish_reason:
            return []
        held, self._held = self._held, []
        return _joined(self._bound(held) + self._release())

    def _bound(self, deltas: list[TextDelta]) -> list[TextDelta]:
        if self._max_tokens is None:
            return deltas
        passed: list[TextDelta] = []
        for delta in deltas:
            for unit in _UNITS.findall(delta.text):
                if not self.finish_reason:
                    passed += self._unit(TextDelta(unit, delta.segment, delta.writer), self._max_tokens)
        return _joined(passed)

    def _unit(self, unit: TextDelta, bound: int) -> list[TextDelta]:
        """One run of spaces, one character of an unspaced script, or (a part of) one word."""
        is_space = unit.text.isspace()
        is_word = not is_space and not is_unspaced(unit.text[0])
        passed = self._release() if self._in_word and not is_word else []
        for character in unit.text:
            if is_word and not self._in_word:
                self._word_waits = self._weight > bound - _NEAR
            self._in_word = is_word
            self._weight += token_weight(character)
            if self._weight > bound:
                self.finish_reason = "length"
                self._waiting.clear()
                break
            self._waiting.append(TextDelta(character, unit.segment, unit.writer))
            if not is_space and not (is_word and self._word_waits):
                passed += self._release()
        return passed

    def _release(self) -> list[TextDelta]:
        waiting, self._waiting = self._waiting, []
        return waiting


def _first_hit(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop string begins that is complete first (of those, the longest); None where there is none."""
    hits = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(hits)[1] if hits else None


def _longest_beginning(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` that some stop string begins with."""
    longest = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:size]):
                longest = size
                break
    return longest


def _take(held: list[TextDelta], size: int) -> list[TextDelta]:
    """Remove the first `size` characters from `held` and return them."""
    taken: list[TextDelta] = []
    while held and size > 0:
        first = held.pop(0)
        taken.append(TextDelta(first.text[:size], first.segment, first.writer))
        if first.text[size:]:
            held.insert(0, TextDelta(first.text[size:], first.segment, first.writer))
        size -= len(first.text)
    return taken


def _joined(deltas: list[TextDelta]) -> list[TextDelta]:
    joined: list[TextDelta] = []
    for delta in deltas:
        last = joined[-1] if joined else None
        if last and (last.segment, last.writer) == (delta.segment, delta.writer):
            joined[-1] = TextDelta(last.text + delta.text, delta.segment, delta.writer)
        elif delta.text:
            joined.append(delta)
    return joined
