"""What a request consumed: tokens, legs, times. All times are seconds since the request arrived."""

from dataclasses import dataclass, field
from enum import StrEnum

from picegate.core.quality import Quality
from picegate.core.value import value

STALL_S = 0.25  # a pause in the text is a stall from here on: readers see an answer stop, not flow


class LegKind(StrEnum):
    """What one upstream call is for; sent upstream as `x-pice-leg`."""

    CLOUD = "cloud"  # the whole answer, from the cloud
    SKETCH = "sketch"  # opening, delegation lines and conclusions, from the cloud
    EXPAND = "expand"  # one point, from an edge
    EDGE = "edge"  # the whole answer, from an edge
    HEDGE = "hedge"  # one point begun again elsewhere, on an edge or in the cloud
    VERIFY = "verify"  # a further candidate for a passage that is not being read, on an edge or in the cloud
    WARM = "warm"  # prefill only


class LegEnd(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@value
class Tokens:
    """Token counts of one leg. `estimated`: counted by us from the text, since the upstream named none."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0  # of `prompt`, found in the upstream's prefix cache
    reasoning: int = 0  # of `completion`, thinking that is not part of the answer
    estimated: bool = False


@dataclass(slots=True)
class LegRecord:
    """One upstream call, filled in while it runs; a cancelled request is accounted from what stands here.

    It starts when it goes out: the time before that, in which it waited for a slot or a place, is `waited_s`.
    """

    kind: LegKind
    where: str  # "cloud" or the node's name
    model: str
    started_s: float
    point: int | None = None  # the passage it writes, counted from 0
    first_token_s: float | None = None
    ended_s: float | None = None
    end: LegEnd = LegEnd.OPEN
    error: str | None = None
    tokens: Tokens = field(default_factory=Tokens)
    quality: Quality | None = None  # of the passage it wrote, where that was looked at
    kept: bool | None = None  # False where another leg's passage took the place of this one's; None: not looked at
    waited_s: float | None = None  # for a slot on a node or a place at the cloud, just before `started_s`

    @property
    def is_cloud(self) -> bool:
        return self.where == "cloud"


@dataclass(slots=True)
class PassageRecord:
    """One delegated passage, from the moment its line closed to its last character.

    Attributes:
        segment: its place among all stretches of the answer, the cloud's own text included.
        words: the length it was asked for.
        within: the segment in whose passage its point is written, too; its own stays empty.
        turn_s: when the text before it had gone out, so that readers saw it live; None: never.
        writer: "cloud" or a node's name; empty while nobody has finished it.
        stood_in: nobody could expand the point, so its own notes stand in.
        candidates: that were begun side by side, and `why` as many; empty: nothing was decided.
    """

    segment: int
    point: int
    words: int
    opened_s: float
    turn_s: float | None = None
    done_s: float | None = None
    writer: str = ""
    attempts: int = 0
    stood_in: bool = False
    candidates: int = 1
    why: str = ""
    within: int | None = None


@dataclass(slots=True)
class Stall:
    """Pauses of `STALL_S` or more before pieces of one segment, once the answer had begun, as its reader saw them.

    `from_s`: when the longest of them began.
    """

    segment: int
    times: int = 0
    total_s: float = 0.0
    from_s: float = 0.0
    longest_s: float = 0.0

    def add(self, from_s: float, pause_s: float) -> None:
        self.times += 1
        self.total_s += pause_s
        if pause_s > self.longest_s:
            self.from_s, self.longest_s = from_s, pause_s


@dataclass(slots=True)
class Tally:
    """All that is known of a request's consumption so far.

    Attributes:
        prompt_tokens: tokens of the client's own conversation (without our instructions).
        completion_tokens: tokens of the answer the reader got.
        first_token_s: when the reader got the first text; None if never.
        total_s: when the answer ended.
        stalls: by segment, of those that had any.
    """

    legs: list[LegRecord] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_s: float | None = None
    total_s: float = 0.0
    passages: list[PassageRecord] = field(default_factory=list)
    stalls: dict[int, Stall] = field(default_factory=dict)

    @property
    def cloud_legs(self) -> list[LegRecord]:
        return [leg for leg in self.legs if leg.is_cloud]

    @property
    def edge_legs(self) -> list[LegRecord]:
        return [leg for leg in self.legs if not leg.is_cloud]

    @property
    def cloud_spent(self) -> bool:
        """True once cloud tokens were paid for: a client's retry would pay them again."""
        return any(leg.tokens.completion or leg.first_token_s is not None for leg in self.cloud_legs)


@value
class Bill:
    """What a request cost and what the cloud alone would have cost, in `currency`.

    `cloud_only` is always an estimate: the same prompt without our sketch instructions, and the tokens of the answer
    that the reader got, all at the cloud's prices.
    """

    currency: str
    cloud: float
    edge: float
    cloud_only: float

    @property
    def total(self) -> float:
        return self.cloud + self.edge

    @property
    def saved(self) -> float:
        return self.cloud_only - self.total
