"""Figures with a bar that they must keep."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True, slots=True)
class Bar:
    """`figure` must not pass `limit`: at most, or `at_least`. None: nobody told it, which meets nothing."""

    name: str
    figure: float | None
    limit: float
    at_least: bool = False
    remark: str = ""

    @property
    def met(self) -> bool:
        if self.figure is None:
            return False
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def __str__(self) -> str:
        figure = "not told" if self.figure is None else f"{self.figure:.3g}"
        remark = f"; {self.remark}" if self.remark else ""
        return f"{self.name}: {figure} (bar {'>=' if self.at_least else '<='} {self.limit:g}{remark})"
