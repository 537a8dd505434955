"""Text handed out evenly, so that it lasts until what follows it is ready."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from picegate.core.events import TextDelta
from picegate.core.language import is_unspaced

LEAST_PER_S = 60.0  # characters, ten words: text that is there never comes slower, whatever follows
_SOON_S = 0.25
_MOST_OWED = 6.0  # characters; of a longer word, a part is given out


class Pacer:
    """Holds text back and gives it out at the rate at which it lasts, in whole words where they are not long.

    All moments are monotonic seconds.
    """

    def __init__(self) -> None:
        self._kept: deque[TextDelta] = deque()
        self._size = 0  # characters of `_kept`
        self._at: float | None = None  # until when text was given out
        self._credit = 0.0  # characters that were due then and not given out

    def __len__(self) -> int:
        """Characters held back."""
        return self._size

    def feed(self, deltas: Iterable[TextDelta]) -> None:
        for delta in deltas:
            self._kept.append(delta)
            self._size += len(delta.text)

    def take(self, now: float, until: float, more: float = 0.0) -> list[TextDelta]:
        """What is due by now, where the text is to last until `until`.

        Args:
            more: characters that are expected to come on before then.
        """
        since, self._at = now if self._at is None else self._at, now
        # What is overdue may come at any moment, but it has not come.
        rate = max((self._size + more) / max(until - now, _SOON_S), LEAST_PER_S)
        # What was due while there was nothing to give is not owed later: it would come in one heap.
        self._credit = min(self._credit + rate * (now - since), float(self._size))
        return self._cut()

    def all(self, now: float) -> list[TextDelta]:
        """Everything held back."""
        given, self._size, self._credit, self._at = list(self._kept), 0, 0.0, now
        self._kept.clear()
        return given

    def _cut(self) -> list[TextDelta]:
        given: list[TextDelta] = []
        while self._kept:
            delta = self._kept[0]
            size = len(delta.text)
            if size > self._credit:
                size = _word_end(delta.text, int(self._credit)) or int(self._credit // _MOST_OWED * _MOST_OWED)
            if not size:
                break
            self._credit -= size
            self._size -= size
            if size == len(delta.text):
                given.append(self._kept.popleft())
            else:
                given.append(replace(delta, text=delta.text[:size]))
                self._kept[0] = replace(delta, text=delta.text[size:])
        return given


def _word_end(text: str, most: int) -> int:
    """The longest beginning of at most `most` characters that ends before a space, or beside an unspaced character; 0:
    there is none."""
    for end in range(min(most, len(text) - 1), 0, -1):
        if text[end].isspace() or is_unspaced(text[end]) or is_unspaced(text[end - 1]):
            return end
    return 0
