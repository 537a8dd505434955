"""The first planner: plain rules, each with its reason. A pure function; the dynamic planner will take its place here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from picegate.core.chat import Ask, DataPolicy, Mode
from picegate.core.errors import BadRequest, Forbidden, NoNode
from picegate.core.plan import CloudView, Forecast, NodeView, Plan, Reason

PASSAGE_TOKENS = 300  # what one passage may take of a node's context besides the conversation


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's part of the decision (`[progressive]` in the config)."""

    enabled: bool = True
    level: int = 2
    min_answer_tokens: int = 160
    max_points: int = 8


def plan(ask: Ask, forecast: Forecast, cloud: CloudView, fleet: Sequence[NodeView], rules: Rules) -> Plan:
    """Choose who answers, and say why.

    Raises:
        Forbidden: the mode asked for breaks the data policy.
        BadRequest: the data must stay on the edge, but the request needs what only the cloud has.
        NoNode: the data must stay on the edge, and no node can take it.
    """
    chosen = _choose(ask, forecast, cloud, fleet, rules)
    level = ask.options.level or rules.level
    return replace(
        chosen,
        level=level if chosen.mode is Mode.PROGRESSIVE else 0,
        max_points=_points(level, forecast, rules) if chosen.mode is Mode.PROGRESSIVE else 0,
        forced=ask.options.mode is chosen.mode,
        forecast=forecast,
        notes=tuple(_notes(ask)),
        numbers={
            "prompt_tokens": forecast.prompt_tokens,
            "expected_answer_tokens": forecast.answer_tokens,
            "min_answer_tokens": rules.min_answer_tokens,
            "nodes_ready": sum(node.usable for node in fleet),
            "slots_free": sum(node.free for node in fleet if node.usable),
            "cloud_in_flight": cloud.in_flight,
        },
    )


def edge_instead(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Plan | None:
    """The plan for when the cloud has failed before its first word; None where only the cloud would do."""
    if ask.needs or ask.data_policy is DataPolicy.CLOUD_ONLY or ask.options.mode is Mode.CLOUD:
        return None
    if not _fit(fleet, forecast.prompt_tokens + forecast.answer_tokens):
        return None
    return Plan(
        Mode.EDGE,
        Reason("cloud_down", "the cloud does not answer, so an edge node writes the whole answer"),
        forecast=forecast,
    )


def _choose(ask: Ask, forecast: Forecast, cloud: CloudView, fleet: Sequence[NodeView], rules: Rules) -> Plan:
    wished = ask.options.mode
    if ask.data_policy is DataPolicy.EDGE_ONLY:
        return _edge_only(ask, forecast, fleet)
    if ask.data_policy is DataPolicy.CLOUD_ONLY:
        if wished in (Mode.EDGE, Mode.PROGRESSIVE):
            raise Forbidden(
                f"data_policy is cloud_only, but mode {wished.value} sends text to edge nodes", param="pice.data_policy"
            )
        return Plan(Mode.CLOUD, Reason("policy", "the data policy keeps this request in the cloud"))
    if wished is Mode.CLOUD:
        return Plan(Mode.CLOUD, Reason("forced", "the client asked for the cloud"))
    if ask.needs:
        return Plan(Mode.CLOUD, Reason("needs_cloud", f"only the cloud can serve: {', '.join(ask.needs)}"))
    if not any(node.usable for node in fleet):
        return Plan(Mode.CLOUD, Reason("no_edge", "no edge node is ready"))

    room = forecast.answer_tokens if wished is Mode.EDGE else PASSAGE_TOKENS
    if not _fit(fleet, forecast.prompt_tokens + room):
        return Plan(
            Mode.CLOUD,
            Reason("context", f"the conversation (about {forecast.prompt_tokens} tokens) fits no edge node's context"),
        )
    if wished is Mode.EDGE:
        return Plan(Mode.EDGE, Reason("forced", "the client asked for the edge"))
    if not cloud.up and (instead := edge_instead(ask, forecast, fleet)):
        return instead
    if wished is Mode.PROGRESSIVE:
        return Plan(Mode.PROGRESSIVE, Reason("forced", "the client asked for a progressive answer"))
    if not rules.enabled:
        return Plan(Mode.CLOUD, Reason("disabled", "progressive answers are switched off"))
    if ask.max_tokens is not None and ask.max_tokens < rules.min_answer_tokens:
        return Plan(Mode.CLOUD, Reason("short_limit", f"max_tokens {ask.max_tokens} leaves nothing worth delegating"))
    if forecast.answer_tokens < rules.min_answer_tokens:
        return Plan(
            Mode.CLOUD, Reason("short_answer", f"an answer of about {forecast.answer_tokens} tokens is expected")
        )
    return Plan(
        Mode.PROGRESSIVE,
        Reason("long_answer", f"about {forecast.answer_tokens} tokens are expected and edge nodes are ready"),
    )


def _edge_only(ask: Ask, forecast: Forecast, fleet: Sequence[NodeView]) -> Plan:
    if ask.options.mode in (Mode.CLOUD, Mode.PROGRESSIVE):
        raise Forbidden(
            f"data_policy is edge_only, but mode {ask.options.mode.value} sends text to the cloud",
            param="pice.data_policy",
        )
    if ask.needs:
        raise BadRequest(
            f"{ask.needs[0]} needs the cloud, but data_policy is edge_only",
            code="unsupported_parameter",
            param=ask.needs[0],
        )
    if not _fit(fleet, forecast.prompt_tokens + forecast.answer_tokens):
        raise NoNode("data_policy is edge_only, and no edge node is ready that this conversation fits")
    return Plan(Mode.EDGE, Reason("policy", "the data policy keeps this request on the edge"))


def _fit(fleet: Sequence[NodeView], tokens: int) -> bool:
    return any(node.usable and (node.context_tokens is None or node.context_tokens >= tokens) for node in fleet)


def _points(level: int, forecast: Forecast, rules: Rules) -> int:
    """About one point for 60 words of the answer; the more, the higher the level."""
    wanted = forecast.answer_tokens / (60 * 1.35)
    return max(1, min(rules.max_points, round(wanted * (0.5 + 0.25 * level))))


def _notes(ask: Ask) -> Iterator[str]:
    if ask.options.ensemble is not None and ask.options.ensemble > 1:
        yield "pice.ensemble is not acted on yet: one candidate is written per point"
