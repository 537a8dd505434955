"""What the agent needs of an inference engine, in its own words.

Every adapter passes one exam: `tests/agent/test_engine_exam.py`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length"]
WireMessage = Mapping[str, Any]  # one chat message as the template sees it: role, content (a string), maybe more


@dataclass(frozen=True, slots=True)
class Job:
    """One completion to write.

    None leaves a sampling parameter to the engine; the engines here all take llama-server's defaults (temperature 0.8,
    top_k 40, top_p 0.95, min_p 0.05, no penalties), which suit small models better than OpenAI's temperature of 1.

    Attributes:
        messages: the conversation, contents flattened to text.
        max_tokens: bound on the answer, tokens; None: as far as the context reaches.
        stop: the answer ends before the first of these, and shows no part of it.
        seed: None draws one; the same seed and the same batch give the same text.
        top_logprobs: alternatives per token; None: no logprobs at all. 0 is the chosen token alone.
        grammar: GBNF that the answer must match.
        json_schema: JSON schema that the answer must match. At most one of the two is given.
        logit_bias: token id -> what is added to its logit.
        ignore_eos: the answer does not end before its limit or a stop string. Not with a grammar or schema.
        continue_final: the last message is the assistant's own unfinished text; write on from its end.
        mean_logprob: tell the mean logprob of the answer's tokens at its end.
        priority: smaller is more urgent; among equals the first comes first.
    """

    messages: tuple[WireMessage, ...] = field(repr=False)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    top_logprobs: int | None = None
    grammar: str | None = None
    json_schema: Mapping[str, Any] | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    ignore_eos: bool = False
    continue_final: bool = False
    mean_logprob: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token and its natural log probability under the model, before sampling shaped it."""

    token: str
    bytes: tuple[int, ...]
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of one job.

    Attributes:
        cached: of `prompt`, those found in the engine's memory.
        mean_logprob: of the answer's tokens, natural, where the job asked for it and the engine can tell.
    """

    prompt: int
    completion: int
    cached: int = 0
    mean_logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """The next part of an answer. Text is whole characters and never part of a stop string.

    The last piece of every answer, and only it, has `finish_reason` and `counts`.
    """

    text: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Warmth:
    """`tokens` of a prompt are held now; `cached` of them were held already."""

    tokens: int
    cached: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is loaded. `context_tokens`: prompt + answer of one sequence. `slots`: sequences decoded at once."""

    name: str
    context_tokens: int
    slots: int
    engine: str


@dataclass(frozen=True, slots=True)
class Stats:
    """What an engine tells of its work since it was loaded.

    Attributes:
        steps: decode steps; `step_s` seconds in all.
        python_s: of `step_s`, spent outside the model's library.
        cells: tokens that the key-value memory has room for; `held` now, shared ones counted once.
        cell_bytes: of one cell.
        evicted: tokens that were held for later and had to make room.
        waiting: jobs that wait for room in the memory.
    """

    steps: int
    step_s: float
    python_s: float
    cells: int
    held: int
    cell_bytes: int
    evicted: int
    waiting: int


class Engine(Protocol):
    """A loaded model. More jobs than slots wait their turn; leaving a job's context stops its decode at once."""

    @property
    def info(self) -> ModelInfo:
        """Meaningful once loaded."""
        ...

    def stats(self) -> Stats | None:
        """None: not loaded, or it tells nothing of its work."""
        ...

    async def load(self) -> None:
        """Load the model, also after `close`; does nothing when it is loaded.

        Raises:
            ModelUnusable: missing, corrupt or unsupported file.
        """
        ...

    async def close(self) -> None:
        """Free everything; does nothing when not loaded."""
        ...

    def generate(self, job: Job) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """Write one answer. Whatever is wrong with the job is raised while the context is entered.

        Raises:
            ContextTooLong: the prompt leaves no room for an answer.
            BadRequest: a grammar or schema that does not parse, messages that the chat template refuses.
            EngineFailed: also by the iterator, where the engine breaks in the middle.
        The iterator raises BadRequest where the job's grammar lets nothing follow what was written.
        """
        ...

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        """Prefill the conversation and keep it; the last message counts as unfinished. Raises as `generate`."""
        ...
