"""What was promised, and what came out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean


@dataclass(frozen=True, slots=True)
class Bar:
    """`figure` is a mean over seeds, `spread` the smallest and the largest of what it was made of."""

    name: str
    figure: float
    bar: float
    at_least: bool
    spread: tuple[float, float]

    @property
    def met(self) -> bool:
        return self.figure >= self.bar if self.at_least else self.figure <= self.bar

    @property
    def told(self) -> str:
        """The bar in a line, its verdict first."""
        low, high = self.spread
        over = f", {low:.3f} to {high:.3f} over seeds or values" if low != high else ""
        wanted = f"{'at least' if self.at_least else 'at most'} {self.bar:g}"
        return f"{'met   ' if self.met else 'MISSED'} {self.name}: {self.figure:.3f} (bar: {wanted}{over})"


def bar_over(name: str, values: Sequence[float], bar: float, *, at_least: bool = True) -> Bar | None:
    """The mean of what the seeds came to; None where no seed came to anything."""
    return Bar(name, mean(values), bar, at_least, (min(values), max(values))) if values else None
