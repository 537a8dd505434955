"""How much a finished passage is to be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
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

    def as_data(self) -> dict[str, Any]:
        """As the request's record shows it; defects that were looked for and not found are left out."""
        found = {name: round(value, 3) for name, value in self.defects.items() if value}
        logprob = None if self.mean_logprob is None else round(self.mean_logprob, 4)
        return {"confidence": round(self.confidence, 3), "defects": found, "mean_logprob": logprob}
