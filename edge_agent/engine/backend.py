"""What the batching engine needs of a model, in its own words. Adapters: `llama.py`, and `scripted.py` for tests."""

from collections.abc import Sequence
from typing import Protocol

from edge_agent.engine.batch import Batch, Sampled
from edge_agent.engine.port import Job, WireMessage
from edge_agent.engine.scheduler import Limits
from edge_agent.engine.sequence import Sampler


class DecodeFailed(Exception):
    """The step came to nothing. What the batch's sequences hold is unknown: they must be freed."""


class Backend(Protocol):
    """A loaded model and its memory.

    `decode` and `close` are called by one thread; the rest by any, also while a decode runs.
    """

    @property
    def name(self) -> str:
        """What the engine is called in reports."""
        ...

    @property
    def limits(self) -> Limits: ...

    @property
    def cell_bytes(self) -> int:
        """Of one token's keys and values."""
        ...

    @property
    def native_s(self) -> float:
        """Seconds spent in the model's library so far."""
        ...

    def render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        """As `ChatTemplate.render`."""
        ...

    def tokenize(self, prompt: str) -> list[int]:
        """Token ids of a rendered prompt, where special tokens are spelt out."""
        ...

    def piece(self, token: int) -> bytes:
        """The token's text, that of control tokens too."""
        ...

    def text(self, token: int) -> bytes:
        """The token's text as it is shown: nothing for control tokens."""
        ...

    def sampler(self, job: Job) -> Sampler:
        """A fresh sampler as the job wishes.

        Raises:
            BadRequest: a grammar or schema that does not parse.
        """
        ...

    def decode(self, batch: Batch) -> list[Sampled]:
        """Make the edits, decode the runs, draw one token for every run that samples, in order.

        Raises:
            DecodeFailed: the edits are made, nothing else is known.
        """
        ...

    def close(self) -> None: ...
