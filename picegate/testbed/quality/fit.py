"""The weights of `assembly/scoring.py`, fitted to the tuning half: logistic regression without negative weights."""

from collections.abc import Mapping, Sequence
from math import exp

RIDGE = 0.0005  # of the squared weights: a defect that tells all would else grow without bound
STEPS = 4_000
RATE = 0.5

Seen = tuple[Mapping[str, float], bool]  # defects, and whether the passage is good


def fit(seen: Sequence[Seen]) -> tuple[float, dict[str, float]]:
    """Bias and weights. Good and faulty passages count alike as a whole, however many there are of each.

    Projected gradient descent on the cross entropy; a few hundred passages take some seconds.
    """
    names = sorted({name for defects, _ in seen for name in defects} - {"empty"})
    rows = [([defects.get(name, 0.0) for name in names], good) for defects, good in seen]
    share = {good: 0.5 / max(1, sum(g is good for _, g in rows)) for good in (True, False)}
    bias, weights = 0.0, [0.0] * len(names)
    for _ in range(STEPS):
        slope, slopes = 0.0, [RIDGE * weight for weight in weights]
        for row, good in rows:
            z = bias - sum(w * x for w, x in zip(weights, row, strict=True))
            error = (1.0 / (1.0 + exp(-z)) - good) * share[good]
            slope += error
            for at, x in enumerate(row):
                if x:
                    slopes[at] -= error * x
        bias -= RATE * slope
        weights = [max(0.0, weight - RATE * step) for weight, step in zip(weights, slopes, strict=True)]
    return bias, dict(zip(names, weights, strict=True))
