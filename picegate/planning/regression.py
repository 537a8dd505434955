"""Bayesian linear regression, one observation at a time, for sparse features: mean, uncertainty and noise.

Recursive least squares with a prior and exponential forgetting (Haykin, Adaptive Filter Theory, ch. 10; with a Gaussian
prior it is the Bayesian posterior). For `d` features a prediction costs `k**2` and an update `d**2` multiplications,
`k` being the features that are not 0.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt
from typing import Any, NamedTuple, Self

_OUTLIER = 3.0  # residuals beyond so many standard deviations count as this many: one freak answer is no trend
_NOISE_MEMORY = 0.01  # least weight of the newest squared residual in the noise
_NOISE_PRIOR = 20.0  # the prior noise counts as so many observations


class Belief(NamedTuple):
    """A normal distribution: of the observation (`spread` with noise), of its mean (`doubt` without)."""

    mean: float
    doubt: float
    spread: float


class Regression:
    """
    Args:
        weights: the prior mean of each feature's weight, every feature named.
        doubt: prior standard deviation of a weight; `doubts` has those that differ.
        noise: standard deviation of an observation, to begin with.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        doubt: float,
        noise: float,
        doubts: Mapping[str, float] | None = None,
        forgetting: float = 0.9995,
    ) -> None:
        self._names = tuple(weights)
        self._index = {name: at for at, name in enumerate(self._names)}
        self._weights = list(weights.values())
        size = len(self._weights)
        self._cap = [(doubts or {}).get(name, doubt) ** 2 for name in self._names]
        self._cover = [[self._cap[row] * (row == column) for column in range(size)] for row in range(size)]
        self._noise = noise**2
        self._forgetting = forgetting
        self.seen = 0

    def predict(self, x: Mapping[str, float]) -> Belief:
        sparse = self._sparse(x)
        mean = doubt = 0.0
        for at, value in sparse:
            mean += self._weights[at] * value
            row, reach = self._cover[at], 0.0
            for other, weight in sparse:
                reach += row[other] * weight
            doubt += value * reach
        doubt = max(doubt, 0.0)
        return Belief(mean, sqrt(doubt), sqrt(doubt + self._noise))

    def mean(self, x: Mapping[str, float]) -> float:
        """Of `predict`, without the doubt that takes the time."""
        mean = 0.0
        for name, value in x.items():
            mean += self._weights[self._index[name]] * value
        return mean

    def learn(self, x: Mapping[str, float], y: float) -> None:
        """Take in one observation. What is no number is ignored."""
        if not isfinite(y):
            return
        sparse = self._sparse(x)
        belief = self.predict(x)
        error = min(max(y - belief.mean, -_OUTLIER * belief.spread), _OUTLIER * belief.spread)
        gain_of = []
        for row in self._cover:
            gain = 0.0
            for at, value in sparse:
                gain += row[at] * value
            gain_of.append(gain)
        scale = 1.0 / (belief.doubt**2 + self._noise)
        for at, gain in enumerate(gain_of):
            if gain:
                step = gain * scale
                self._weights[at] += step * error
                self._cover[at] = [cover - step * reach for cover, reach in zip(self._cover[at], gain_of, strict=True)]
        # Old evidence fades, but never below the prior: a feature that was not seen for long is as open as at the
        # start.
        for at, row in enumerate(self._cover):
            row[at] = min(row[at] / self._forgetting, max(row[at], self._cap[at]))
        newest = max(_NOISE_MEMORY, 1.0 / (_NOISE_PRIOR + self.seen))
        # A residual holds the doubt about the mean, too: only the rest is noise.
        explained = self._noise / (belief.doubt**2 + self._noise)
        self._noise = max(self._noise + newest * (error**2 * explained - self._noise), 1e-4)
        self.seen += 1

    def parts(self, x: Mapping[str, float]) -> dict[str, float]:
        """What each feature adds to the mean."""
        return {name: self._weights[self._index[name]] * value for name, value in x.items()}

    def as_data(self) -> dict[str, Any]:
        return {
            "names": list(self._names),
            "weights": list(self._weights),
            "cover": [list(row) for row in self._cover],
            "noise": self._noise,
            "seen": self.seen,
        }

    def restore(self, data: Mapping[str, Any]) -> Self:
        """Go on from `as_data`.

        Raises:
            ValueError, KeyError, TypeError: not data of a regression with these features; nothing was changed.
        """
        if tuple(data["names"]) != self._names:
            raise ValueError("other features than these")
        size = len(self._names)
        weights = _row(data["weights"], size)
        cover = [_row(row, size) for row in data["cover"]]
        noise, seen = float(data["noise"]), int(data["seen"])
        if len(cover) != size or not noise > 0:
            raise ValueError("not a regression's state")
        self._weights, self._cover, self._noise, self.seen = weights, cover, noise, seen
        return self

    def _sparse(self, x: Mapping[str, float]) -> list[tuple[int, float]]:
        return [(self._index[name], value) for name, value in x.items()]


def _row(values: Sequence[Any], size: int) -> list[float]:
    row = [float(value) for value in values]
    if len(row) != size or not all(map(isfinite, row)):
        raise ValueError("not a regression's state")
    return row
