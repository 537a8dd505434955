"""The columns of a time chart: what stands left and right of its bars, and how much room the bars get."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from picegate.cli.lane import Lane, Marks, Scale, axis

ROOMY, NARROW, TIGHT = 80, 64, 44  # below these widths titles are cut short, notes left out, titles and tokens left out
BARS_LEAST = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chart.

    Attributes:
        paint: draws its bars.
        number: of its passage, on the passage's first line.
        style: of `who`.
        note: what became of it; `bad` where that is a failure.
        faint: it was in vain.
    """

    who: str
    what: str
    paint: Callable[[Lane], None]
    number: str = ""
    style: str = "bold"
    tokens: str = ""
    note: str = ""
    bad: bool = False
    faint: bool = False


class Columns:
    """Widths for all `rows` in a chart of `width` cells: the bars get what the others leave."""

    def __init__(self, rows: Sequence[Row], width: int, total_s: float, marks: Marks) -> None:
        self._marks = marks
        self._number = _widest([row.number for row in rows])
        self._who = min(_widest([row.who for row in rows]), max(width // 7, 6))
        most = width // 5 if width >= ROOMY else 12 if width >= TIGHT else 0
        self._what = min(_widest([row.what for row in rows]), most)
        self._tokens = _widest([row.tokens for row in rows]) if width >= TIGHT else 0
        self._note = min(_widest([row.note for row in rows]), width // 4) if width >= NARROW else 0
        left = sum(column + 1 for column in (self._number, self._who, self._what) if column)
        right = sum(column + 1 for column in (self._tokens, self._note) if column)
        self._left = left
        self._scale = Scale(total_s, max(width - left - right, BARS_LEAST))

    def head(self) -> Text:
        return Text(" " * self._left).append_text(axis(self._scale))

    def line(self, row: Row) -> Text:
        look = "dim" if row.faint else ""
        lane = Lane(self._scale, self._marks)
        row.paint(lane)
        line = Text()
        for text, cells, style in (
            (row.number.rjust(self._number), self._number, "bold"),
            (row.who, self._who, row.style),
            (row.what, self._what, "dim" if row.what.startswith(self._marks.below) else look),
        ):
            if cells:
                line.append(f"{fit(text, cells, self._marks)} ", style)
        line.append_text(lane.text())
        if self._tokens:
            line.append(f" {row.tokens.rjust(self._tokens)}", look)
        if self._note:
            line.append(f" {fit(row.note, self._note, self._marks)}", "red" if row.bad else look)
        line.rstrip()
        return line

    def aside(self, text: str) -> Text:
        """A line without bars."""
        return Text(" " * (self._number + 1) + text, "dim")


def fit(text: str, cells: int, marks: Marks) -> str:
    """Exactly so many cells; what is too long is cut, and shows it."""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    return set_cell_size(text, max(cells - 1, 0)) + marks.cut[:cells]


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)
