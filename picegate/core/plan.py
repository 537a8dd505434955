"""What the planner sees (forecast, cloud, fleet) and what it answers (a plan with its reason)."""

from dataclasses import dataclass, field
from enum import StrEnum

from picegate.core.chat import Mode
from picegate.core.curve import SpeedCurve


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of an answer before anyone has written a word of it.

    Attributes:
        prompt_tokens: tokens of the conversation.
        answer_tokens: expected length of the whole answer, tokens.
    """

    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class CloudView:
    """The cloud as seen from here. `context_tokens` is None where the config does not say."""

    up: bool = True
    model: str = ""
    in_flight: int = 0
    queued: int = 0
    limit: int = 0
    context_tokens: int | None = None


class NodeState(StrEnum):
    READY = "ready"
    DRAINING = "draining"  # finishes what it has, takes nothing new
    LOST = "lost"  # lease expired, or failing


class NodeKind(StrEnum):
    AGENT = "agent"  # an edge_agent that registered itself
    STATIC = "static"  # any OpenAI-compatible server named in the config


@dataclass(frozen=True, slots=True)
class NodeModel:
    """One of the models that an edge node serves. `slots`, `context_tokens`: as in `NodeView`."""

    name: str
    slots: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class NodeView:
    """One edge node at one moment.

    Attributes:
        id: unique in this gateway.
        name: what operators call it; what replies and metrics show.
        url: base URL of its OpenAI API, ending in /v1.
        model: the model name to send it.
        slots: sequences it decodes at once; `free` of them are not in use by us.
        context_tokens: per sequence; None where unknown.
        tokens_per_s: measured decode speed of one sequence; None until measured.
        first_token_s: measured time to its first token; None until measured.
        curve: what it has measured of itself; None for static nodes, and until it says so.
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
    api_key: str | None = field(default=None, repr=False)
    models: tuple[NodeModel, ...] = ()

    @property
    def usable(self) -> bool:
        return self.state is NodeState.READY and self.slots > 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a plan is what it is: a code for machines and metrics, a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request will be answered.

    Attributes:
        level: 1..3, how much of the answer is delegated; 0 outside progressive mode.
        max_points: how many delegation lines the sketch may have.
        forced: the client chose the mode; the planner only checked it.
        numbers: the figures the choice was made by, for `explain`.
    """

    mode: Mode
    why: Reason
    level: int = 0
    max_points: int = 0
    forced: bool = False
    forecast: Forecast | None = None
    notes: tuple[str, ...] = ()
    numbers: dict[str, float | int | str] = field(default_factory=dict)
