"""The words of the benchmark: what is asked of a side, and what was seen."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, greedy. `at_s`: when it arrives, seconds after the run's start.

    Attributes:
        prefix: the system message, shared with others.
        suffix: the user's message.
        top_logprobs: alternatives per token; None: no logprobs.
    """

    prefix: str = field(repr=False)
    suffix: str
    max_tokens: int
    at_s: float = 0.0
    top_logprobs: int | None = None

    @property
    def messages(self) -> tuple[dict[str, str], ...]:
        return ({"role": "system", "content": self.prefix}, {"role": "user", "content": self.suffix})


@dataclass(frozen=True, slots=True)
class Step:
    """One written token: its bytes, and the likeliest tokens (bytes, logprob) there, best first."""

    token: bytes
    top: tuple[tuple[bytes, float], ...] = ()

    @property
    def gap(self) -> float:
        """Between the best and the second, nats."""
        return self.top[0][1] - self.top[1][1] if len(self.top) > 1 else float("inf")


@dataclass(frozen=True, slots=True)
class Answer:
    """`first_s` and `last_s` count from the arrival of the request, `end_s` from the run's start."""

    prompt_tokens: int
    tokens: int
    cached: int
    first_s: float
    last_s: float
    end_s: float
    steps: tuple[Step, ...] = field(default=(), repr=False)

    @property
    def decode_rate(self) -> float:
        """Tokens a second of this stream after its first."""
        return (self.tokens - 1) / max(self.last_s - self.first_s, 1e-9)


@dataclass(frozen=True, slots=True)
class Work:
    """What an engine says of its own work during a run: seconds in steps, and of them in Python. None: not told."""

    steps: int
    step_s: float
    python_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """All answers of one schedule, in its order.

    Attributes:
        total_s: from the start to the last token.
        resident: of the side's process, bytes, after the run.
        work: what the engine told of it, or None.
    """

    answers: tuple[Answer, ...]
    total_s: float
    resident: int
    work: Work | None = None

    @property
    def tokens(self) -> int:
        return sum(answer.tokens for answer in self.answers)

    @property
    def rate(self) -> float:
        """Tokens a second of all streams together."""
        return self.tokens / self.total_s
