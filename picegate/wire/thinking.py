"""Thinking that a model writes into its answer as `<think>...</think>`, where its server does not take it apart."""

from typing import NamedTuple

OPEN, CLOSE = "<think>", "</think>"


class Split(NamedTuple):
    thinking: str
    text: str


class ThinkingSplitter:
    """Takes the thinking off the beginning of an answer. A tag anywhere else is text. Blind to chunking."""

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._decided = False
        self._begun = True  # line breaks between the thinking and the answer belong to neither

    @property
    def decided(self) -> bool:
        """All that is fed from now on is text, as it comes."""
        return self._decided and self._begun

    def feed(self, text: str) -> Split:
        if self._decided:
            return Split("", self._answer(text))
        self._held += text
        if not self._inside:
            beginning = self._held.lstrip()
            if len(beginning) < len(OPEN) and OPEN.startswith(beginning):
                return Split("", "")
            if not beginning.startswith(OPEN):
                return Split("", self._decide())
            self._inside = True
            self._held = beginning[len(OPEN) :]
        thinking, closed, answer = self._held.partition(CLOSE)
        if closed:
            self._decide()
            self._begun = False
            return Split(thinking, self._answer(answer))
        safe = len(self._held) - _overlap(self._held)
        thinking, self._held = self._held[:safe], self._held[safe:]
        return Split(thinking, "")

    def flush(self) -> Split:
        """What is still held when the answer ends."""
        inside = self._inside and not self._decided
        rest = self._decide()
        return Split(rest, "") if inside else Split("", rest)

    def _answer(self, text: str) -> str:
        if not self._begun:
            text = text.lstrip("\n")
            self._begun = bool(text)
        return text

    def _decide(self) -> str:
        held, self._held, self._decided = self._held, "", True
        return held


def _overlap(text: str) -> int:
    """Length of the longest end of `text` that may be the beginning of the closing tag."""
    return next((size for size in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:size])), 0)
