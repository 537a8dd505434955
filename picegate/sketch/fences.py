"""Code fences, by CommonMark's rules: what stands between them is never a delegation line."""

import re

_OPENING = re.compile(r"(?P<lead> {0,3}(?:(?:[-*+]|\d{1,9}[.)]) {1,4})*)(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_CLOSING = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})[ \t]*")


class FenceTracker:
    """Fed with whole lines, in order; `inside` says whether the next line stands in a fenced block."""

    def __init__(self) -> None:
        self._mark = ""  # the opening fence; empty outside
        self._column = 0  # where a list item's content starts, when the fence opened in one

    @property
    def inside(self) -> bool:
        return bool(self._mark)

    def line(self, text: str) -> None:
        """One line, with or without its line ending."""
        text = text.rstrip("\r\n")
        if self._mark:
            closing = _CLOSING.fullmatch(text)
            if closing and closing["mark"].startswith(self._mark) and len(closing["indent"]) <= self._column + 3:
                self._mark = ""
            return
        opening = _OPENING.match(text)
        if opening and not (opening["mark"][0] == "`" and "`" in opening["info"]):
            self._mark = opening["mark"]
            self._column = len(opening["lead"]) if opening["lead"].strip() else 0
