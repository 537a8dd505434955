"""What was promised, and what came out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from statistics import mean


@dataclass(frozen=True, slots=True)
class Bar:
    """Attributes:
    figure: a mean over seeds; None: something that it is made of was not measured.
    spread: the smallest and the largest of what the figure was made of.
    """

    name: str
    figure: float | None
    bar: float
    at_least: bool
    spread: tuple[float, float] | None = None

    @property
    def met(self) -> bool | None:
        """None: not measured, so neither met nor missed."""
        if self.figure is None:
            return None
        return self.figure >= self.bar if self.at_least else self.figure <= self.bar

    @property
    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]

    @property
    def told(self) -> str:
        """The bar in a line, its verdict first."""
        wanted = f"{'at least' if self.at_least else 'at most'} {self.bar:g}"
        if self.figure is None or self.spread is None:
            return f"{self.verdict} {self.name} (bar: {wanted})"
        low, high = self.spread
        over = f", {low:.3f} to {high:.3f} over seeds or values" if low != high else ""
        return f"{self.verdict:6} {self.name}: {self.figure:.3f} (bar: {wanted}{over})"


def bar_over(name: str, values: Sequence[float | None], bar: float, *, at_least: bool = True) -> Bar:
    """The mean of what the seeds came to. `values`: one for each seed asked for, None where it was not measured."""
    measured = [value for value in values if value is not None and not isnan(value)]
    if not measured or len(measured) < len(values):
        return Bar(name, None, bar, at_least)
    return Bar(name, mean(measured), bar, at_least, (min(measured), max(measured)))
