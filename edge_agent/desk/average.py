"""Running averages of what jobs show."""

WEIGHT = 0.2  # of the newest job


def moved(old: float | None, new: float) -> float:
    """An exponentially weighted average after one more value; None: there was none before."""
    return new if old is None else (1 - WEIGHT) * old + WEIGHT * new
