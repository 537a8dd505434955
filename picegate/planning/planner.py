"""Who answers a request, and why: first what must be, then what is best.

Rules come first (data policy, needs, context, what the client forced). Where they leave a choice, every way to answer
is predicted and priced (`options.py`) and the best is taken (`choice.py`). Everything here is a pure function of what
it is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from picegate.core.chat import Ask, DataPolicy, Mode, ServiceLevel
from picegate.core.errors import BadRequest, ContextTooLong, Forbidden, NoNode
from picegate.core.plan import CloudView, Forecast, NodeView, Pace, Plan
from picegate.planning.choice import Choice, Policy, Rules, best, by_rule
from picegate.planning.kinds import kind_of
from picegate.planning.latency import CLOUD_GUESS
from picegate.planning.levels import LevelModel, point_count
from picegate.planning.load import Load
from picegate.planning.losses import NO_LOSSES, Losses
from picegate.planning.options import (
    EDGE_INSTRUCTION_TOKENS,
    WEIGHTS,
    Scene,
    progressive_options,
    whole_in_cloud,
    whole_on_edge,
)
from picegate.planning.prices import market
from picegate.planning.repairs import RepairModel
from picegate.planning.skill import Skill
from picegate.planning.survey import survey

PASSAGE_TOKENS = EDGE_INSTRUCTION_TOKENS + 180  # of a node's context besides the conversation: a passage of 70 words
SKETCH_TOKENS = 250  # our instructions in a sketch prompt
HEDGE_DOUBTS = 4.0  # a first token is late when it takes so many times as long as predicted
HEDGE_LEAST_S = 1.0
HEDGE_UNKNOWN_S = 5.0  # at least, while some node's pace is only guessed: a slow box is not a silent one
LATE = 1.5  # points that wait for a slot are taken back when the answer is this many times later than predicted
DEADLINE_LEAST_S = 5.0
MOST_NAMED = 4  # models, in a plan's numbers

TIERS = {"priority": ServiceLevel.LATENCY, "flex": ServiceLevel.COST}  # OpenAI's service_tier


@dataclass(slots=True)
class Experience:
    """What was learnt and what is owed: everything of a decision that outlives it.

    Attributes:
        skill: None: nothing is scored.
        trying: an open request was planned with nodes that have not shown yet how fast they are. One at a time is: what
            a node says of itself, or is guessed of it, may be wrong by far.
    """

    levels: LevelModel = field(default_factory=LevelModel)
    skill: Skill | None = None
    repairs: RepairModel = field(default_factory=RepairModel)
    load: Load = field(default_factory=Load)
    arrivals_per_s: float = 0.0
    losses: Losses = NO_LOSSES
    trying: bool = False


def plan(
    ask: Ask,
    forecast: Forecast,
    cloud: CloudView,
    fleet: Sequence[NodeView],
    rules: Rules,
    experience: Experience | None = None,
    choose: Policy | None = None,
    pace: Pace = CLOUD_GUESS,
) -> Plan:
    """Choose who answers, and say why.

    Args:
        choose: another policy than `best`, where the rules leave a choice.
        pace: the cloud's.

    Raises:
        Forbidden: the mode asked for breaks the data policy.
        BadRequest: the data must stay on the edge, but the request needs what only the cloud has.
        ContextTooLong: the data must stay on the edge, and the conversation fits no node.
        NoNode: the data must stay on the edge, and no node is ready.
    """
    service = service_level(ask, rules.service_level)
    scene = _look(forecast, cloud, pace, fleet, rules, service, experience or Experience())
    choice = _required(ask, scene, fleet) or (choose or best)(scene, service, rules)
    return _complete(choice, ask, scene, service, rules)


def edge_instead(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Plan | None:
    """The plan for when the cloud has failed before its first word; None where only the cloud would do."""
    choice = _instead(ask, forecast, fleet)
    return Plan(choice.mode, choice.why, forecast=forecast) if choice is not None else None


def service_level(ask: Ask, default: ServiceLevel) -> ServiceLevel:
    """The `pice` field, then OpenAI's `service_tier`, then the key's, then the config's."""
    if ask.options.service_level is not None:
        return ask.options.service_level
    return TIERS.get(ask.service_tier or "") or ask.key_level or default


def _look(
    forecast: Forecast,
    cloud: CloudView,
    pace: Pace,
    fleet: Sequence[NodeView],
    rules: Rules,
    service: ServiceLevel,
    experience: Experience,
) -> Scene:
    skill, weights, kind = experience.skill, WEIGHTS[service], kind_of(forecast.features)
    fears = partial(skill.weak, kind=kind) if skill is not None else None
    context_tokens = forecast.prompt_tokens + PASSAGE_TOKENS
    seen = survey(fleet, context_tokens, fears, weights.stake_s, trying=experience.trying)
    return Scene(
        forecast=forecast,
        kind=kind,
        cloud=cloud,
        pace=pace,
        fleet=seen,
        market=market(cloud, pace, seen, experience.load, experience.arrivals_per_s),
        weights=weights,
        levels=experience.levels,
        max_points=rules.max_points,
        warm=rules.warm,
        pipelined=rules.pipelining,
        again=experience.repairs.again(service),
        losses=experience.losses,
        trying=experience.trying,
    )


def _required(ask: Ask, scene: Scene, fleet: Sequence[NodeView]) -> Choice | None:
    """What holds under every policy: data policy, needs, context, the client's own choice. None: all is open."""
    forecast, cloud = scene.forecast, scene.cloud
    wished = ask.options.mode
    if ask.data_policy is DataPolicy.EDGE_ONLY:
        return _edge_only(ask, forecast, fleet)
    if ask.data_policy is DataPolicy.CLOUD_ONLY:
        if wished in (Mode.EDGE, Mode.PROGRESSIVE):
            raise _breaks_policy(ask, "edge nodes")
        return by_rule(Mode.CLOUD, "policy", "the data policy keeps this request in the cloud")
    if wished is Mode.CLOUD:
        return by_rule(Mode.CLOUD, "forced", "the client asked for the cloud")
    if ask.needs:
        return by_rule(Mode.CLOUD, "needs_cloud", f"only the cloud can serve: {', '.join(ask.needs)}")
    if not scene.fleet.ready:
        return by_rule(Mode.CLOUD, "no_edge", "no edge node is ready")
    room = forecast.answer_tokens if wished is Mode.EDGE else PASSAGE_TOKENS
    if not scene.fleet.fitting or (room > PASSAGE_TOKENS and not _fit(fleet, forecast.prompt_tokens + room)):
        return by_rule(
            Mode.CLOUD, "context", f"about {forecast.prompt_tokens} prompt tokens fit no edge node's context"
        )
    if wished is Mode.EDGE:
        return by_rule(Mode.EDGE, "forced", "the client asked for the edge")
    if not cloud.up and (instead := _instead(ask, forecast, fleet)):
        return instead
    if cloud.context_tokens and forecast.prompt_tokens + SKETCH_TOKENS + forecast.answer_tokens > cloud.context_tokens:
        return by_rule(Mode.CLOUD, "cloud_context", "the cloud's context has no room for our instructions")
    if wished is Mode.PROGRESSIVE:
        return by_rule(Mode.PROGRESSIVE, "forced", "the client asked for a progressive answer")
    return None


def _complete(choice: Choice, ask: Ask, scene: Scene, service: ServiceLevel, rules: Rules) -> Plan:
    """The plan: what was chosen, its level, its forecast and the numbers it was chosen by."""
    forecast, seen, sides = scene.forecast, scene.fleet, scene.market
    level = points = 0
    if choice.mode is Mode.PROGRESSIVE:
        picked = choice.chosen.level if choice.chosen is not None else rules.fixed_level or rules.level
        level = ask.options.level or picked
        points = point_count(level, forecast, rules.max_points)
    option = choice.chosen
    if option is None and choice.mode is not Mode.EDGE:
        alone = whole_in_cloud(scene)
        option = alone
        if choice.mode is Mode.PROGRESSIVE:
            (option,) = progressive_options(scene, alone, level)
    elif option is None:
        option = whole_on_edge(scene, whole_in_cloud(scene)) if seen.fitting else None
    return Plan(
        choice.mode,
        choice.why,
        level=level,
        max_points=points,
        forced=ask.options.mode is choice.mode,
        forecast=forecast,
        service=service,
        options=choice.options,
        chosen=option,
        deadline_s=max(LATE * option.finish_s, DEADLINE_LEAST_S) if option is not None else None,
        hedge_s=_hedge_s(scene, rules),
        candidates=min(ask.options.ensemble or rules.candidates, rules.candidates),
        pipelined=rules.pipelining and choice.pipelined,
        warm=rules.warm,
        resizing=rules.resizing and rules.pipelining and choice.pipelined and not choice.points_in_cloud,
        points_in_cloud=choice.points_in_cloud,
        weak=seen.weak,
        stake_s=seen.stake_s,
        whole=choice.whole,
        notes=tuple(_notes(ask, rules)),
        numbers={
            "kind": str(scene.kind),
            "prompt_tokens": forecast.prompt_tokens,
            "expected_answer_tokens": forecast.answer_tokens,
            "p90_answer_tokens": forecast.quantile(0.9),
            "min_answer_tokens": rules.min_answer_tokens,
            "nodes_ready": seen.ready,
            "slots_free": seen.free,
            "cloud_in_flight": scene.cloud.in_flight,
            "cloud_queued": scene.cloud.queued,
            "cloud_price_ms": round(1000 * sides.cloud_price, 3),
            "edge_price_ms": round(1000 * sides.edge_price, 3),
            "cloud_read_price_s": round(sides.cloud_read_price, 2),
            "edge_read_price_s": round(sides.edge_read_price, 2),
            "cloud_wait_s": round(sides.cloud_wait_s, 2),
            "edge_wait_s": round(sides.edge_wait_s, 2),
            "spared_s": round(sides.spared_s, 2),
            **_less_trusted(scene),
            "edge_again_share": round(scene.again.edge, 3),
            "cloud_again_share": round(scene.again.cloud, 3),
            "edge_lost_s": round(scene.losses.delay_s(1), 2),
        },
    )


def _less_trusted(scene: Scene) -> dict[str, str]:
    """The models that the nodes are chosen by, if by any: who is how much more to be feared than the best."""
    named = sorted(scene.fleet.weak.items(), key=lambda item: -item[1])[:MOST_NAMED]
    return {"less_trusted": ", ".join(f"{model} by {weak:.2f}" for model, weak in named)} if named else {}


def _hedge_s(scene: Scene, rules: Rules) -> float | None:
    """Only where the fleet has slots to spare: under load a second try would take the place of somebody's first."""
    seen = scene.fleet
    if not rules.hedging or seen.fitting < 2 or seen.free * 4 < seen.slots:
        return None
    expected_s = seen.pace.begin_s(scene.forecast.prompt_tokens + SKETCH_TOKENS)
    least_s = HEDGE_LEAST_S if all(node.pace is not None for node in seen.shortlist) else HEDGE_UNKNOWN_S
    return max(least_s, HEDGE_DOUBTS * expected_s * (1.0 + seen.pace.doubt))


def _edge_only(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Choice:
    if ask.options.mode in (Mode.CLOUD, Mode.PROGRESSIVE):
        raise _breaks_policy(ask, "the cloud")
    if ask.needs:
        message = f"{ask.needs[0]} needs the cloud, but data_policy is edge_only"
        raise BadRequest(message, code="unsupported_parameter", param=ask.needs[0])
    if not any(node.usable for node in fleet):
        raise NoNode("data_policy is edge_only, and no edge node is ready")
    needed = forecast.whole_tokens
    if not _fit(fleet, needed):
        largest = max(node.context_tokens or 0 for node in fleet if node.usable)
        message = f"about {needed} tokens are needed, and the largest context of an edge node is {largest} tokens"
        raise ContextTooLong(message, param="messages")
    return by_rule(Mode.EDGE, "policy", "the data policy keeps this request on the edge")


def _instead(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Choice | None:
    """An edge in the place of a cloud that does not answer."""
    if ask.needs or ask.data_policy is DataPolicy.CLOUD_ONLY or ask.options.mode is Mode.CLOUD:
        return None
    if not _fit(fleet, forecast.whole_tokens):
        return None
    return by_rule(Mode.EDGE, "cloud_down", "the cloud does not answer, so an edge node writes the whole answer")


def _breaks_policy(ask: Ask, destination: str) -> Forbidden:
    mode = ask.options.mode.value if ask.options.mode else "auto"
    return Forbidden(
        f"data_policy is {ask.data_policy.value}, but mode {mode} sends text to {destination}", param="pice.data_policy"
    )


def _fit(fleet: Sequence[NodeView], tokens: int) -> bool:
    return any(node.usable and (node.context_tokens is None or node.context_tokens >= tokens) for node in fleet)


def _notes(ask: Ask, rules: Rules) -> Iterator[str]:
    wished = ask.options.ensemble
    if wished is not None and wished > rules.candidates:
        yield f"pice.ensemble is {wished}, but this gateway writes at most {rules.candidates} candidates for a passage"
