"""How good EMULATED passages are: a model of quality, since made-up words have none.

Every passage of an emulated edge has a quality `q` in 0..1, drawn by a Gaussian copula so that what one model finds
hard is hard for others, too:

    q = Phi(Phi^-1(sound) + sqrt(alike) z_point + sqrt(1 - alike) z_candidate)

so that a share `sound` of a model's passages lies above 0.5. The gateway's judge sees it blurred:

    confidence = Phi(Phi^-1(q) + blur z)

All `z` are standard normal and follow from the point, and from whether the candidate is the first one, so that every
policy meets the same passages. All three figures are assumptions. The quality stands as a mark in the passage's first
word, for the judge and for the bench.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from statistics import NormalDist

from picegate.assembly.scoring import Candidate, Question
from picegate.core.quality import Quality
from picegate.core.sketch import Point

_NORMAL = NormalDist()
_MARK = re.compile(r"\bQ(\d{3})\b")


@dataclass(frozen=True, slots=True)
class QualityModel:
    """Attributes:
    sound: of each model in the fleet, the share of passages above 0.5; edges have them in turn.
    alike: correlation of the qualities of two candidates for one point, on the normal scale.
    blur: standard deviation of the judge's error, likewise.
    """

    sound: tuple[float, ...] = (0.7, 0.55)
    alike: float = 0.3
    blur: float = 0.6

    def of(self, model: int, point: str, candidate: str) -> float:
        """The quality of one candidate for a point; both are told by what they are called."""
        shared, own = _z(point), _z(f"{point}/{candidate}")
        centre = _NORMAL.inv_cdf(self.sound[model % len(self.sound)])
        return _NORMAL.cdf(centre + sqrt(self.alike) * shared + sqrt(1.0 - self.alike) * own)

    def judge(self, candidate: Candidate, point: Point, question: Question, others: Sequence[str] = (), /) -> Quality:
        """Stands where the gateway's own score does; what bears no mark was written by the cloud, and is sound."""
        found = marks(candidate.text)
        if not found:
            return Quality(1.0 if candidate.text.strip() else 0.0)
        seen = _NORMAL.inv_cdf(min(max(found[0], 0.001), 0.999)) + self.blur * _z(candidate.text[:80])
        return Quality(_NORMAL.cdf(seen))

    def assumptions(self) -> list[str]:
        """All of it, in words."""
        sound = " and ".join(f"{share:.0%}" for share in self.sound)
        return [
            f"EMULATED quality: edges have models in turn of whose passages {sound} are sound (quality above 0.5); "
            f"the qualities of two candidates for one point correlate by {self.alike:g}, and the judge errs by "
            f"{self.blur:g} standard deviations (normal scale); all of it assumed"
        ]


def mark(quality: float) -> str:
    """The word that bears it."""
    return f"Q{min(round(1000 * quality), 999):03d}"


def marks(text: str) -> list[float]:
    """The qualities of all passages in a text."""
    return [int(found) / 1000 for found in _MARK.findall(text)]


def _z(seed: str) -> float:
    return Random(seed).gauss()  # noqa: S311 (an experiment's own chance)
