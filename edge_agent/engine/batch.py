"""The words between scheduler and backend: what one step does, and what came of it."""

from dataclasses import dataclass, field

from edge_agent.engine.sequence import Sequence
from edge_agent.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Copy:
    """Sequence `target` holds no cells: from now on it shares the first `length` cells of `source`."""

    source: int
    target: int
    length: int


@dataclass(frozen=True, slots=True)
class Free:
    """Sequence `id` lets go of its cells. Those that others share stay."""

    id: int


@dataclass(frozen=True, slots=True)
class Run:
    """`tokens` of one sequence, to be decoded at positions `start`, `start` + 1, ...

    Attributes:
        samples: the last of them is followed by a sampled token.
    """

    sequence: Sequence
    tokens: list[int]
    start: int
    samples: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: first the edits, in order, then all runs in one decode.

    Attributes:
        warmed: sequences that needed nothing decoded, since all they asked for was held already.
    """

    edits: tuple[Copy | Free, ...] = ()
    runs: tuple[Run, ...] = ()
    warmed: tuple[Sequence, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(len(run.tokens) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Sampled:
    """The next token of a run that samples.

    Attributes:
        ends: the token ends the answer (end of turn or text) and has no text.
        logprob: natural log probability under the model, before sampling shaped it; None where it was not asked for.
        top: likeliest tokens with their logprobs, best first, as many as were asked for.
        refused: why the answer cannot go on: its grammar lets no token follow, or takes too long.
    """

    token: int
    ends: bool = False
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = field(default=())
    refused: BadRequest | None = None
