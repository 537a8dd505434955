"""How much a finished passage is to be trusted."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from picegate.core.value import value


@value
class Quality:
    """What was found in one candidate.

    Attributes:
        confidence: 0..1, that nothing is wrong with it.
        defects: by name, each 0 (none) to 1; only those that could be looked for.
        mean_logprob: of the candidate's tokens, natural, where the node told it.
    """

    confidence: float
    defects: Mapping[str, float] = field(default_factory=dict)
    mean_logprob: float | None = None

    def rank(self, threshold: float) -> tuple[bool, float, float]:
        """Of several candidates for one point, the one with the greatest rank is read.

        The confidence tells faulty passages (below `threshold`) from good ones; it was fitted to nothing finer. Of two
        good ones, the one that says more of what its point names is better, and only then the one with fewer other
        blemishes.
        """
        if self.confidence < threshold:
            return False, 0.0, self.confidence
        missing = self.defects.get("terms", 0.0) + self.defects.get("numbers", 0.0)
        return True, -missing, self.confidence

    def as_data(self) -> dict[str, Any]:
        """As the request's record shows it; defects that were looked for and not found are left out."""
        found = {name: round(value, 3) for name, value in self.defects.items() if value}
        logprob = None if self.mean_logprob is None else round(self.mean_logprob, 4)
        return {"confidence": round(self.confidence, 3), "defects": found, "mean_logprob": logprob}
