"""One job as scheduler and backend see it: token ids and how far they have come."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any, Protocol

NO_ID = -1


class Urgency(IntEnum):
    """Smaller is more urgent."""

    REAL = 0
    WARM = 1


class Phase(Enum):
    QUEUED = auto()
    PREFILL = auto()
    DECODE = auto()
    DONE = auto()


class Sampler(Protocol):
    """What the backend draws the tokens of one sequence with. Attribute `pointer`: the backend's own handle."""

    @property
    def pointer(self) -> Any: ...

    def close(self) -> None:
        """Free it; does nothing the second time."""
        ...


@dataclass(slots=True, eq=False)
class Sequence:
    """Attributes:
    prompt: token ids, at least one.
    limit: tokens to generate at most; 0: prefill the prompt and keep it.
    sampler: None where `limit` is 0.
    wants_logprob: the logprob of every token that is drawn is asked for, with those of its `top_logprobs` likeliest
        rivals.
    urgency, priority, order: who comes first; `order` is the scheduler's.
    id: the backend's sequence; NO_ID while queued and when done.
    done: tokens whose cells are computed.
    cached: of the prompt, how many were found; None until it was looked for.
    generated: tokens sampled so far; the last one has no cell yet.
    leader, shared: it waits until `leader` has computed the first `shared` tokens, which both have.
    """

    prompt: list[int]
    limit: int
    sampler: Sampler | None = None
    wants_logprob: bool = False
    top_logprobs: int = 0
    urgency: Urgency = Urgency.REAL
    priority: int = 0
    order: int = 0
    id: int = NO_ID
    phase: Phase = Phase.QUEUED
    done: int = 0
    cached: int | None = None
    generated: list[int] = field(default_factory=list)
    leader: "Sequence | None" = None
    shared: int = 0

    @property
    def reserve(self) -> int:
        """Cells that it may come to need."""
        return len(self.prompt) + self.limit

    @property
    def remaining(self) -> int:
        """Tokens of the prompt still to be read."""
        return len(self.prompt) - self.done

    @property
    def reusable(self) -> int:
        """Tokens that need not be read when they are held: the last one must be, where its logits are needed."""
        return len(self.prompt) - (self.limit > 0)
