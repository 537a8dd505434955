"""One line of a time chart: seconds become cells of the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

TICK_CELLS = 6  # that labels of the axis are apart, at least


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters of a chart, each one cell wide."""

    waits: str = "·"
    reads: str = "─"
    first: str = "●"
    writes: str = "━"
    lost: str = "╍"
    turn: str = "▼"
    failed: str = "✗"
    stopped: str = "┤"
    kept: str = "✓"
    guide: str = "┊"
    below: str = "└ "
    becomes: str = " → "
    joint: str = " · "
    cut: str = "…"


PLAIN = Marks(
    waits=".",
    reads="-",
    first="o",
    writes="=",
    lost="~",
    turn="v",
    failed="x",
    stopped="]",
    kept="+",
    guide=":",
    below="> ",
    becomes=" > ",
    joint=", ",
    cut="~",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """`total_s` seconds over so many cells."""

    total_s: float
    cells: int

    def cell(self, at_s: float) -> int:
        """The cell in which a moment lies; what lies outside goes into the first or the last."""
        return min(max(int(at_s / self.total_s * self.cells), 0), self.cells - 1)

    def ticks(self) -> Iterator[float]:
        """Round moments, `TICK_CELLS` or more apart."""
        step = _round_step(self.total_s / self.cells * TICK_CELLS)
        number = 0
        while (at_s := number * step) <= self.total_s:
            yield at_s
            number += 1


class Lane:
    """Empty but for the guides; what is drawn later covers what was drawn before."""

    def __init__(self, scale: Scale, marks: Marks) -> None:
        self._scale = scale
        self._cells = [(" ", "")] * scale.cells
        for tick in scale.ticks():
            self._cells[scale.cell(tick)] = (marks.guide, "dim")

    def fill(self, from_s: float, to_s: float, mark: str, style: str) -> None:
        """At least one cell, unless `to_s` lies before `from_s`."""
        if to_s >= from_s:
            first, last = self._scale.cell(from_s), self._scale.cell(to_s)
            self._cells[first : max(last, first + 1)] = [(mark, style)] * max(last - first, 1)

    def mark(self, at_s: float, mark: str, style: str, *, beside: float | None = None) -> None:
        """One cell: the moment's own, or the one before it where the moment `beside` has the same."""
        at = self._scale.cell(at_s)
        clashes = beside is not None and self._scale.cell(beside) == at
        self._cells[max(at - clashes, 0)] = (mark, style)

    def write(self, at_s: float, text: str, style: str, avoid: str = "") -> None:
        """Plain text from a moment on, if it fits and would cover no character of `avoid`."""
        at = self._scale.cell(at_s)
        under = "".join(character for character, _ in self._cells[at : at + len(text)])
        if len(under) == len(text) and not any(character in avoid for character in under):
            self._cells[at : at + len(text)] = [(character, style) for character in text]

    def text(self) -> Text:
        return Text.assemble(*self._cells)


def axis(scale: Scale) -> Text:
    """The ticks in figures, the first one with their unit."""
    line = ""
    for tick in scale.ticks():
        at, label = scale.cell(tick), f"{tick:g}" if tick else "0 s"
        if at + len(label) <= scale.cells:
            line = line.ljust(at) + label
    return Text(line.ljust(scale.cells), style="dim")


def _round_step(least_s: float) -> float:
    """The smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is not below `least_s`."""
    power = 1e-3
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least_s:
                return round(factor * power, 3) if power < 1 else factor * power
        power *= 10
