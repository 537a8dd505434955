"""From detokenised bytes to text that may be shown: whole characters, and nothing of a stop string."""

import codecs
from collections.abc import Sequence


class TextGate:
    """Feed it bytes as they are decoded; it gives back what is safe to show. Blind to how the bytes are cut.

    A character is shown when its last byte has come, a possible beginning of a stop string when it has turned out to be
    none. Of several stop strings the one that is complete first ends the text (of those, the longest).
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.stopped = False

    @property
    def holds_back(self) -> bool:
        return bool(self._held)

    def feed(self, data: bytes) -> str:
        """The text that can be shown now; always empty once `stopped`."""
        if self.stopped:
            return ""
        self._held += self._decode(data)
        return self._release()

    def flush(self) -> str:
        """The rest, when no more bytes will come; a half character becomes U+FFFD."""
        if self.stopped:
            return ""
        self._held += self._decode(b"", True)
        text = self._release()
        if not self.stopped:
            text, self._held = text + self._held, ""
        return text

    def _release(self) -> str:
        matches = [(at + len(stop), at) for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if matches:
            _, at = min(matches)
            text, self._held, self.stopped = self._held[:at], "", True
            return text
        keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
        cut = len(self._held) - keep
        text, self._held = self._held[:cut], self._held[cut:]
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with, shorter than `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
