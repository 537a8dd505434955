"""What the pipeline needs from the outside, in its own words. Adapters live in `clients` and `nodes`."""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import Any, NamedTuple, Protocol

from picegate.core.chat import Message, Sampling
from picegate.core.plan import CloudView, NodeView
from picegate.core.usage import LegKind, Tokens
from picegate.core.value import value


@value
class CloudCall:
    """One call to the cloud.

    Attributes:
        payload: a chat completions body but for `model` and `stream`, which the client sets.
        level: on sketch legs.
        tokens: what it is expected to write; short calls wait less for a place. None: not known.
        patience_s: by so much later does it count as having come.
        placed: called when it has its place and goes out, after any time in the queue, with the calls then in flight.
    """

    kind: LegKind
    request_id: str
    payload: Mapping[str, Any] = field(repr=False)
    level: int | None = None
    tokens: float | None = None
    patience_s: float = 0.0
    placed: Callable[[int], None] | None = field(default=None, repr=False, compare=False)


@value
class EdgeCall:
    """One call to a node.

    `continues`: the last message is the assistant's own unfinished text, to be continued and not repeated.
    `mean_logprob`: agents are asked for the mean logprob of what they write; other servers do not know the wish.
    """

    kind: LegKind
    request_id: str
    messages: tuple[Message, ...] = field(repr=False)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    repeat_penalty: float | None = None
    continues: bool = False
    mean_logprob: bool = False


class Delta(NamedTuple):
    """One piece of a parsed upstream stream. Any part may be empty; counts come once, near the end, if at all.

    A tuple, since one is made for every token. `mean_logprob`: of all tokens of the answer, natural.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    tokens: Tokens | None = None
    mean_logprob: float | None = None

    @classmethod
    def joined(cls, deltas: Sequence["Delta"]) -> "Delta":
        """All as one; thinking comes before text."""
        finish_reason = tokens = mean_logprob = None
        for delta in deltas:
            finish_reason = delta.finish_reason or finish_reason
            tokens = delta.tokens or tokens
            mean_logprob = mean_logprob if delta.mean_logprob is None else delta.mean_logprob
        text, reasoning = "".join([delta.text for delta in deltas]), "".join([delta.reasoning for delta in deltas])
        return cls(text, reasoning, finish_reason, tokens, mean_logprob)


class Cloud(Protocol):
    """Every method raises a `CloudError`, or `Busy` when the limit on calls in flight and its queue are full.

    Leaving a context closes the upstream connection. Connecting, waiting for a place and retries all happen while the
    context is entered: once it is entered, the cloud has answered 200.
    """

    def stream(self, call: CloudCall) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """The reply, parsed. The iterator raises CloudBroken where the stream ends without a finish reason."""
        ...

    def relay(self, call: CloudCall) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The reply as its SSE data payloads, unparsed and without `[DONE]`."""
        ...

    async def complete(self, call: CloudCall) -> dict[str, Any]:
        """The reply as one body."""
        ...

    def view(self) -> CloudView: ...


class Edge(Protocol):
    """Every method raises an `EdgeError`. Leaving a context closes the connection, which frees the node's slot."""

    def stream(self, node: NodeView, call: EdgeCall) -> AbstractAsyncContextManager[AsyncIterator[Delta]]: ...

    async def warm(self, node: NodeView, call: EdgeCall) -> None:
        """Have the node prefill the call's prompt and keep it. Best effort: failures are not raised."""
        ...


@value
class Wish:
    """Which node a leg would like.

    Attributes:
        context_tokens: prompt + answer must fit.
        prefer: a node id that holds the prefix in its cache; taken if it has a free slot.
        exclude: node ids that have failed this passage.
        tokens: what the leg will write; `prompt_tokens` are read for it where the node has nothing of them.
        warmed: ids of nodes that have read this request's prefix.
        turn: (when the request came, which of its points this is); the lowest turn is served first.
        spare: only a slot that nobody else wants; it is taken back, and the leg cancelled, when somebody does.
        weak: by model, as `Plan.weak`.
        stake_s: as `Plan.stake_s`.
    """

    context_tokens: int = 0
    prefer: str | None = None
    exclude: frozenset[str] = frozenset()
    tokens: float = 90.0
    prompt_tokens: float = 300.0
    warmed: frozenset[str] = frozenset()
    turn: tuple[float, int] = (math.inf, 0)
    spare: bool = False
    weak: Mapping[str, float] = field(default_factory=dict)
    stake_s: float = 0.0


@value
class Observation:
    """What one leg showed of a node. `ok` False counts against it; None: how it ends is to be seen.

    Attributes:
        first_token_s: since the node was asked.
        tokens: written; `decode_s` passed from the first to the last of them.
        prompt_tokens: read for it, those found in a cache not counted.
        batch: sequences that the node wrote at the same time, this one among them, when the leg began.
    """

    ok: bool | None
    first_token_s: float | None = None
    tokens: int = 0
    decode_s: float = 0.0
    prompt_tokens: int = 0
    batch: int | None = None


class Fleet(Protocol):
    """The edge nodes and their slots."""

    def view(self) -> tuple[NodeView, ...]:
        """Every node known, usable or not."""
        ...

    def acquire(self, wish: Wish, timeout_s: float) -> AbstractAsyncContextManager[NodeView]:
        """A slot on the best fitting node, given back on leaving. Waits in turn for one to be free.

        Raises:
            NoNode: none fits, or none was free within `timeout_s`; or, on leaving, a spare slot was taken back.
        """
        ...

    def observe(self, node_id: str, seen: Observation) -> None:
        """Learn from a finished leg: speed, time to first token, failures."""
        ...


class Clock(Protocol):
    def __call__(self) -> float:
        """Seconds, monotonic."""
        ...
