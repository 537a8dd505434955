"""Who answers a request, and why: first what must be, then what is best.

Rules come first (data policy, needs, context, what the client forced). Where they leave a choice, every way to answer
is predicted and priced (`options.py`), those that would be later than the cloud alone are struck out, and the cheapest
of the rest is taken. Everything here is a pure function of what it is given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from picegate.core.chat import Ask, DataPolicy, Mode, ServiceLevel
from picegate.core.errors import BadRequest, ContextTooLong, Forbidden, NoNode
from picegate.core.plan import CloudView, Forecast, NodeView, Option, Pace, Plan, Reason
from picegate.planning.kinds import kind_of
from picegate.planning.latency import CLOUD_GUESS
from picegate.planning.levels import LevelModel, point_count
from picegate.planning.load import Load
from picegate.planning.losses import NO_LOSSES, Losses
from picegate.planning.options import WEIGHTS, Scene, progressive_options, whole_in_cloud, whole_on_edge
from picegate.planning.placement import survey
from picegate.planning.prices import market
from picegate.planning.repairs import RepairModel
from picegate.planning.skill import Skill

PASSAGE_TOKENS = 300  # what one passage may take of a node's context besides the conversation
SKETCH_TOKENS = 250  # our instructions in a sketch prompt
HEDGE_DOUBTS = 4.0  # a first token is late when it takes so many times as long as predicted
HEDGE_LEAST_S = 1.0
HEDGE_UNKNOWN_S = 5.0  # at least, while some node's pace is only guessed: a slow box is not a silent one
LATE = 1.5  # points that wait for a slot are taken back when the answer is this many times later than predicted
DEADLINE_LEAST_S = 5.0
MOST_NAMED = 4  # models, in a plan's numbers

TIERS = {"priority": ServiceLevel.LATENCY, "flex": ServiceLevel.COST}  # OpenAI's service_tier


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's part of the decision (`[progressive]` and `[planner]` in the config)."""

    enabled: bool = True
    level: int = 2  # of answers whose client asked for progressive mode and named no level
    min_answer_tokens: int = 160
    max_points: int = 8
    service_level: ServiceLevel = ServiceLevel.LATENCY
    objective_s: float = 30.0
    fixed_level: int = 0
    pipelining: bool = True
    warm: bool = True
    hedging: bool = True
    resizing: bool = True
    edge_alone: bool = True
    candidates: int = 1  # for one passage


Policy = Callable[[Scene, ServiceLevel, Rules], Plan]


@dataclass(slots=True)
class Experience:
    """What was learnt and what is owed: everything of a decision that outlives it. `skill`: None: nothing is scored."""

    levels: LevelModel = field(default_factory=LevelModel)
    skill: Skill | None = None
    repairs: RepairModel = field(default_factory=RepairModel)
    load: Load = field(default_factory=Load)
    arrivals_per_s: float = 0.0
    losses: Losses = NO_LOSSES


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
    chosen = _required(ask, scene, fleet) or (choose or best)(scene, service, rules)
    return _complete(chosen, ask, scene, service, rules)


def edge_instead(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Plan | None:
    """The plan for when the cloud has failed before its first word; None where only the cloud would do."""
    if ask.needs or ask.data_policy is DataPolicy.CLOUD_ONLY or ask.options.mode is Mode.CLOUD:
        return None
    if not _fit(fleet, forecast.prompt_tokens + forecast.answer_tokens):
        return None
    why = Reason("cloud_down", "the cloud does not answer, so an edge node writes the whole answer")
    return Plan(Mode.EDGE, why, forecast=forecast)


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
    seen = survey(fleet, forecast.prompt_tokens + PASSAGE_TOKENS)
    skill = experience.skill
    return Scene(
        forecast=forecast,
        cloud=cloud,
        pace=pace,
        fleet=seen,
        market=market(cloud, pace, seen, experience.load, experience.arrivals_per_s),
        weights=WEIGHTS[service],
        levels=experience.levels,
        max_points=rules.max_points,
        warm=rules.warm,
        pipelined=rules.pipelining,
        weak=skill.weak(seen.models, kind_of(forecast.features)) if skill is not None and seen.ready else {},
        again=experience.repairs.again(service),
        losses=experience.losses,
    )


def _required(ask: Ask, scene: Scene, fleet: Sequence[NodeView]) -> Plan | None:
    """What holds under every policy: data policy, needs, context, the client's own choice. None: all is open."""
    forecast, cloud = scene.forecast, scene.cloud
    wished = ask.options.mode
    if ask.data_policy is DataPolicy.EDGE_ONLY:
        return _edge_only(ask, forecast, fleet)
    if ask.data_policy is DataPolicy.CLOUD_ONLY:
        if wished in (Mode.EDGE, Mode.PROGRESSIVE):
            raise _breaks_policy(ask, "edge nodes")
        return _plan(Mode.CLOUD, "policy", "the data policy keeps this request in the cloud")
    if wished is Mode.CLOUD:
        return _plan(Mode.CLOUD, "forced", "the client asked for the cloud")
    if ask.needs:
        return _plan(Mode.CLOUD, "needs_cloud", f"only the cloud can serve: {', '.join(ask.needs)}")
    if not scene.fleet.ready:
        return _plan(Mode.CLOUD, "no_edge", "no edge node is ready")
    room = forecast.answer_tokens if wished is Mode.EDGE else PASSAGE_TOKENS
    if not scene.fleet.fitting or (room > PASSAGE_TOKENS and not _fit(fleet, forecast.prompt_tokens + room)):
        return _plan(Mode.CLOUD, "context", f"about {forecast.prompt_tokens} prompt tokens fit no edge node's context")
    if wished is Mode.EDGE:
        return _plan(Mode.EDGE, "forced", "the client asked for the edge")
    if not cloud.up and (instead := edge_instead(ask, forecast, fleet)):
        return instead
    if cloud.context_tokens and forecast.prompt_tokens + SKETCH_TOKENS + forecast.answer_tokens > cloud.context_tokens:
        return _plan(Mode.CLOUD, "cloud_context", "the cloud's context has no room for our instructions")
    if wished is Mode.PROGRESSIVE:
        return _plan(Mode.PROGRESSIVE, "forced", "the client asked for a progressive answer")
    return None


def best(scene: Scene, service: ServiceLevel, rules: Rules) -> Plan:
    """The cheapest of the ways that are not later than the cloud alone."""
    forecast = scene.forecast
    if not rules.enabled:
        return _plan(Mode.CLOUD, "disabled", "progressive answers are switched off")
    if forecast.ceiling is not None and forecast.ceiling < rules.min_answer_tokens:
        return _plan(Mode.CLOUD, "short_limit", f"max_tokens {forecast.ceiling} leaves nothing worth delegating")
    alone = whole_in_cloud(scene)
    short = forecast.answer_tokens < rules.min_answer_tokens
    options = [alone]
    if not short:
        options += progressive_options(scene, alone, rules.fixed_level)
    if rules.edge_alone:
        options.append(whole_on_edge(scene, alone))
    if service is ServiceLevel.QUALITY and alone.finish_s <= rules.objective_s:
        why = Reason(
            "quality_first", f"the cloud alone would be done in {alone.finish_s:.1f} s, within {rules.objective_s:g} s"
        )
        return Plan(Mode.CLOUD, why, options=tuple(options), chosen=alone)
    chosen = min((option for option in options if not option.out), key=lambda option: option.cost)
    return Plan(
        chosen.mode,
        _why(chosen, alone, options, forecast, scene.market.spared_s, short=short),
        options=tuple(options),
        chosen=chosen,
    )


def _why(
    chosen: Option, alone: Option, options: Sequence[Option], forecast: Forecast, spared_s: float, *, short: bool
) -> Reason:
    expected = f"an answer of about {forecast.answer_tokens} tokens is expected"
    if chosen.mode is Mode.PROGRESSIVE:
        times = f"{chosen.finish_s:.1f} s with the edge against {alone.finish_s:.1f} s in the cloud"
        if chosen.finish_s > alone.finish_s:
            times += f", where {spared_s:.1f} s more of work would wait if it were alone"
        return Reason("long_answer", f"{expected}: {times}")
    if chosen.mode is Mode.EDGE:
        times = f"{chosen.finish_s:.1f} s against {alone.finish_s:.1f} s"
        return Reason("cloud_busy", f"{expected}, and an edge node alone is that much sooner: {times}")
    if short:
        return Reason("short_answer", expected)
    sketches = [option for option in options if option.mode is Mode.PROGRESSIVE]
    if all(option.out.startswith("hardly") for option in sketches):
        return Reason("unsuitable", f"{expected}, with hardly anything to delegate")
    if all(option.out for option in sketches):
        soonest = min(option.finish_s for option in sketches)
        return Reason("edge_late", f"with the edge it would take {soonest:.1f} s, in the cloud {alone.finish_s:.1f} s")
    return Reason("cloud_cheapest", f"{expected}, and the edge has better uses for its time at this moment")


def _complete(chosen: Plan, ask: Ask, scene: Scene, service: ServiceLevel, rules: Rules) -> Plan:
    """Put in what every plan carries: its level, its forecast and the numbers it was chosen by."""
    forecast, seen, sides = scene.forecast, scene.fleet, scene.market
    level = points = 0
    if chosen.mode is Mode.PROGRESSIVE:
        picked = chosen.chosen.level if chosen.chosen is not None else rules.fixed_level or rules.level
        level = ask.options.level or picked
        points = point_count(level, forecast, rules.max_points)
    option = chosen.chosen
    if option is None and chosen.mode is not Mode.EDGE:
        alone = whole_in_cloud(scene)
        option = alone
        if chosen.mode is Mode.PROGRESSIVE:
            (option,) = progressive_options(scene, alone, level)
    elif option is None:
        option = whole_on_edge(scene, whole_in_cloud(scene)) if seen.fitting else None
    return Plan(  # not by `replace`, which takes three times as long: every request comes by here
        chosen.mode,
        chosen.why,
        level=level,
        max_points=points,
        forced=ask.options.mode is chosen.mode,
        forecast=forecast,
        service=service,
        options=chosen.options,
        chosen=option,
        deadline_s=max(LATE * option.finish_s, DEADLINE_LEAST_S) if option is not None else None,
        hedge_s=_hedge_s(scene, rules),
        candidates=min(ask.options.ensemble or rules.candidates, rules.candidates),
        pipelined=rules.pipelining and chosen.pipelined,
        warm=rules.warm and chosen.warm,
        resizing=rules.resizing and rules.pipelining and chosen.pipelined and not chosen.points_in_cloud,
        points_in_cloud=chosen.points_in_cloud,
        weak=scene.weak,
        stake_s=scene.weights.risk_s,
        whole=chosen.whole,
        notes=(*chosen.notes, *_notes(ask, rules)),
        numbers={
            "kind": str(kind_of(forecast.features)),
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
    named = sorted(scene.weak.items(), key=lambda item: -item[1])[:MOST_NAMED]
    return {"less_trusted": ", ".join(f"{model} by {weak:.2f}" for model, weak in named)} if named else {}


def _hedge_s(scene: Scene, rules: Rules) -> float | None:
    """Only where the fleet has slots to spare: under load a second try would take the place of somebody's first."""
    seen = scene.fleet
    if not rules.hedging or seen.fitting < 2 or seen.free * 4 < seen.slots:
        return None
    expected_s = seen.pace.begin_s(scene.forecast.prompt_tokens + SKETCH_TOKENS)
    least_s = HEDGE_LEAST_S if all(node.pace is not None for node in seen.shortlist) else HEDGE_UNKNOWN_S
    return max(least_s, HEDGE_DOUBTS * expected_s * (1.0 + seen.pace.doubt))


def _edge_only(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Plan:
    if ask.options.mode in (Mode.CLOUD, Mode.PROGRESSIVE):
        raise _breaks_policy(ask, "the cloud")
    if ask.needs:
        message = f"{ask.needs[0]} needs the cloud, but data_policy is edge_only"
        raise BadRequest(message, code="unsupported_parameter", param=ask.needs[0])
    if not any(node.usable for node in fleet):
        raise NoNode("data_policy is edge_only, and no edge node is ready")
    needed = forecast.prompt_tokens + forecast.answer_tokens
    if not _fit(fleet, needed):
        largest = max(node.context_tokens or 0 for node in fleet if node.usable)
        message = f"about {needed} tokens are needed, and the largest context of an edge node is {largest} tokens"
        raise ContextTooLong(message, param="messages")
    return _plan(Mode.EDGE, "policy", "the data policy keeps this request on the edge")


def _plan(mode: Mode, code: str, text: str) -> Plan:
    return Plan(mode, Reason(code, text))


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
