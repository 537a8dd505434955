"""What the planner sees (forecast, cloud, fleet) and what it answers (a plan with its reason)."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from functools import cache
from math import exp
from statistics import NormalDist

from picegate.core.chat import Mode, ServiceLevel
from picegate.core.curve import SpeedCurve
from picegate.core.value import value

_MOST_REASONS = 4  # for a forecast, that are named
_normal_quantile = cache(NormalDist().inv_cdf)  # of a few shares, asked for with every request


@value
class Forecast:
    """What is expected of an answer before anyone has written a word of it.

    The length is log-normal: `ln(tokens)` is normal around `ln(answer_tokens)` with standard deviation `spread`.

    Attributes:
        prompt_tokens: tokens of the conversation.
        answer_tokens: the median length of the whole answer, tokens.
        spread: of the length's logarithm; 0 is certainty.
        ceiling: the client's `max_tokens`, which no quantile exceeds.
        delegable: probability that a sketch delegates at all, 0..1.
        chained: of what is delegated, the share in passages that depend on what stands before them, 0..1.
        hard: code, mathematics or careful reasoning is asked for, which a small model gets wrong, 0..1.
        said: the question names its answer's length.
        moved: what moved the length away from the typical one, by how much its logarithm.
        features: what the forecast was made from, for learning from what comes of it.
    """

    prompt_tokens: int
    answer_tokens: int
    spread: float = 0.0
    ceiling: int | None = None
    delegable: float = 1.0
    chained: float = 0.0
    hard: float = 0.0
    said: bool = False
    moved: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)
    features: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    def quantile(self, share: float) -> int:
        """The length that a `share` (0..1, exclusive) of such answers does not exceed, tokens."""
        tokens = self.answer_tokens * exp(self.spread * _normal_quantile(share))
        return max(1, round(tokens if self.ceiling is None else min(tokens, self.ceiling)))

    @property
    def because(self) -> dict[str, float]:
        """The factors of what moved the length most, strongest first."""
        strongest = sorted(self.moved.items(), key=lambda part: -abs(part[1]))[:_MOST_REASONS]
        return {name: round(exp(part), 2) for name, part in strongest}

    @property
    def whole_tokens(self) -> int:
        """Of the conversation with its answer."""
        return self.prompt_tokens + self.answer_tokens

    @property
    def mean_tokens(self) -> float:
        """The expected length: above the median, since long answers are longer than short ones are short."""
        tokens = self.answer_tokens * exp(self.spread**2 / 2)
        return tokens if self.ceiling is None else min(tokens, float(self.ceiling))


@value
class Pace:
    """How fast one server answers, as straight lines through what was measured. All times in seconds.

    Attributes:
        first_s: to the first token of an empty prompt: link, queue and first step.
        prefill_s: per prompt token.
        step_s: per token of a sequence that is decoded alone.
        slope_s: added per token by every further sequence decoded at the same time.
        doubt: relative standard error of all of it; grows while the server is silent.
    """

    first_s: float
    prefill_s: float
    step_s: float
    slope_s: float
    doubt: float = 0.0

    def token_s(self, batch: float) -> float:
        """Seconds per token of one sequence while `batch` are decoded."""
        return self.step_s + self.slope_s * (batch - 1.0 if batch > 1.0 else 0.0)

    def begin_s(self, prompt_tokens: float) -> float:
        """Seconds to the first token of a prompt of which nothing is cached."""
        return self.first_s + self.prefill_s * prompt_tokens

    def tokens_per_s(self, batch: int) -> float:
        """What `batch` sequences together get."""
        return batch / self.token_s(batch)


@value
class CloudView:
    """The cloud as seen from here.

    Attributes:
        limit: calls that may be in flight at once; `queued` more wait for a place.
        waiting: of each that waits, the tokens it is expected to write, the one whose turn is next first.
        context_tokens: prompt + answer; None where the config does not say.
    """

    up: bool = True
    model: str = ""
    in_flight: int = 0
    queued: int = 0
    limit: int = 0
    context_tokens: int | None = None
    waiting: tuple[float, ...] = ()


class NodeState(StrEnum):
    READY = "ready"
    DRAINING = "draining"  # finishes what it has, takes nothing new
    LOST = "lost"  # lease expired, or failing


class NodeKind(StrEnum):
    AGENT = "agent"  # an edge_agent that registered itself
    STATIC = "static"  # any OpenAI-compatible server named in the config


@value
class NodeModel:
    """One of the models that an edge node serves. `slots`, `context_tokens`: as in `NodeView`."""

    name: str
    slots: int
    context_tokens: int


@value
class NodeView:
    """One edge node at one moment.

    Attributes:
        id: unique in this gateway.
        name: what operators call it; what replies and metrics show.
        url: base URL of its OpenAI API, ending in /v1.
        model: the model name to send it.
        slots: sequences it decodes at once; `free` of them are not in use, `lent` ones are given back when wanted.
        context_tokens: per sequence; None where unknown.
        tokens_per_s: measured decode speed of one sequence; None until measured.
        first_token_s: measured time to its first token; None until measured.
        curve: what it has measured of itself; None for static nodes, and until it says so.
        pace: what was learnt of its speed at this gateway, the curve being where that began.
        proven: a leg has shown its speed here; what a node says of itself may be wrong.
        models: all that it serves, `model` first; empty where it does not say.
    """

    id: str
    name: str
    url: str
    model: str
    slots: int
    free: int
    kind: NodeKind = NodeKind.STATIC
    state: NodeState = NodeState.READY
    context_tokens: int | None = None
    tokens_per_s: float | None = None
    first_token_s: float | None = None
    curve: SpeedCurve | None = None
    pace: Pace | None = None
    api_key: str | None = field(default=None, repr=False)
    models: tuple[NodeModel, ...] = ()
    lent: int = 0
    proven: bool = True

    @property
    def usable(self) -> bool:
        return self.state is NodeState.READY and self.slots > 0


@value
class Reason:
    """Why a plan is what it is: a code for machines and metrics, a sentence for people."""

    code: str
    text: str


@value
class Option:
    """One way to answer a request, and what it would come to at this moment. Times in seconds from now.

    Attributes:
        first_s: predicted first token.
        finish_s: predicted end.
        cloud_tokens, edge_tokens: what it is expected to have written by each side.
        cost: what the planner minimises, in seconds: own finish, what others are delayed by, quality at risk.
        again_cloud, again_edge: of these tokens, those for passages that are expected to be written more than once.
        out: why it was not to be chosen; empty where it was.
        nodes: that would write, so that read the question.
        tries: one of them has not shown yet how fast it is.
    """

    mode: Mode
    level: int
    points: int
    first_s: float
    finish_s: float
    cloud_tokens: float
    edge_tokens: float
    cost: float
    out: str = ""
    again_cloud: float = 0.0
    again_edge: float = 0.0
    nodes: int = 0
    tries: bool = False


@value
class Plan:
    """How a request will be answered.

    Attributes:
        level: 1..3, how much of the answer is delegated; 0 outside progressive mode.
        max_points: how many delegation lines the sketch may have.
        forced: the client chose the mode; the planner only checked it.
        service: what the request cares for most.
        options: every way that was weighed, the chosen one among them; empty where a rule decided.
        chosen: the option that is carried out; None where nothing was weighed.
        deadline_s: since the request came; a point that has no slot by then is written by the cloud. None: the
            operator's limit on waiting for a slot alone decides.
        hedge_s: a passage whose first token is not there after so many seconds is begun elsewhere, too; None: never.
        candidates: that may be written for one passage; how many are is decided for each.
        pipelined: points are handed out as their lines close, not when the sketch is whole.
        warm: likely nodes read the question while the cloud still writes.
        resizing: long points may be cut, and short ones that wait for a slot may be written in one leg.
        points_in_cloud: the cloud expands its own points (baseline `sot`).
        weak: by model, how much more a weak passage is to be feared of it than of the fleet's best, 0..1; those of
            which it is not are left out.
        stake_s: seconds of waiting that one weak passage is worth.
        whole: points are grouped over the free slots and nothing is shown before all is done (baseline `pice-like`).
        numbers: the figures the choice was made by, for `explain`.
    """

    mode: Mode
    why: Reason
    level: int = 0
    max_points: int = 0
    forced: bool = False
    forecast: Forecast | None = None
    service: ServiceLevel = ServiceLevel.LATENCY
    options: tuple[Option, ...] = ()
    chosen: Option | None = None
    deadline_s: float | None = None
    hedge_s: float | None = None
    candidates: int = 1
    pipelined: bool = True
    warm: bool = True
    resizing: bool = True
    points_in_cloud: bool = False
    whole: bool = False
    weak: Mapping[str, float] = field(default_factory=dict)
    stake_s: float = 0.0
    notes: tuple[str, ...] = ()
    numbers: dict[str, float | int | str] = field(default_factory=dict)
