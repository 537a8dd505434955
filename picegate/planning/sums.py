"""What a line through fading observations is fitted to."""

from dataclasses import dataclass


@dataclass(slots=True)
class Sums:
    """Over points that were seen, the older ones fading."""

    weight: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def fade(self, share: float) -> None:
        self.weight *= share
        self.x *= share
        self.y *= share
        self.xx *= share
        self.xy *= share

    def add(self, x: float, y: float, weight: float = 1.0) -> None:
        self.weight += weight
        self.x += weight * x
        self.y += weight * y
        self.xx += weight * x * x
        self.xy += weight * x * y
