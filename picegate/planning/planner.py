"""The first planner: plain rules, each with its reason. A pure function; a dynamic planner is to take its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from picegate.core.chat import Ask, DataPolicy, Mode
from picegate.core.errors import BadRequest, ContextTooLong, Forbidden, NoNode
from picegate.core.plan import CloudView, Forecast, NodeView, Plan, Reason

PASSAGE_TOKENS = 300  # what one passage may take of a node's context besides the conversation
SKETCH_TOKENS = 250  # our instructions in a sketch prompt


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
        ContextTooLong: the data must stay on the edge, and the conversation fits no node.
        NoNode: the data must stay on the edge, and no node is ready.
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
    why = Reason("cloud_down", "the cloud does not answer, so an edge node writes the whole answer")
    return Plan(Mode.EDGE, why, forecast=forecast)


def _choose(ask: Ask, forecast: Forecast, cloud: CloudView, fleet: Sequence[NodeView], rules: Rules) -> Plan:
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
    if not any(node.usable for node in fleet):
        return _plan(Mode.CLOUD, "no_edge", "no edge node is ready")

    room = forecast.answer_tokens if wished is Mode.EDGE else PASSAGE_TOKENS
    if not _fit(fleet, forecast.prompt_tokens + room):
        return _plan(Mode.CLOUD, "context", f"about {forecast.prompt_tokens} prompt tokens fit no edge node's context")
    if wished is Mode.EDGE:
        return _plan(Mode.EDGE, "forced", "the client asked for the edge")
    if not cloud.up and (instead := edge_instead(ask, forecast, fleet)):
        return instead
    if cloud.context_tokens and forecast.prompt_tokens + SKETCH_TOKENS + forecast.answer_tokens > cloud.context_tokens:
        return _plan(Mode.CLOUD, "cloud_context", "the cloud's context has no room for our instructions")
    if wished is Mode.PROGRESSIVE:
        return _plan(Mode.PROGRESSIVE, "forced", "the client asked for a progressive answer")
    if not rules.enabled:
        return _plan(Mode.CLOUD, "disabled", "progressive answers are switched off")
    if ask.max_tokens is not None and ask.max_tokens < rules.min_answer_tokens:
        return _plan(Mode.CLOUD, "short_limit", f"max_tokens {ask.max_tokens} leaves nothing worth delegating")
    expected = f"an answer of about {forecast.answer_tokens} tokens is expected"
    if forecast.answer_tokens < rules.min_answer_tokens:
        return _plan(Mode.CLOUD, "short_answer", expected)
    return _plan(Mode.PROGRESSIVE, "long_answer", f"{expected} and edge nodes are ready")


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


def _points(level: int, forecast: Forecast, rules: Rules) -> int:
    """About one point for 60 words of the answer; the more, the higher the level."""
    wanted = forecast.answer_tokens / (60 * 1.35)
    return max(1, min(rules.max_points, round(wanted * (0.5 + 0.25 * level))))


def _notes(ask: Ask) -> Iterator[str]:
    if ask.options.ensemble is not None and ask.options.ensemble > 1:
        yield "pice.ensemble is not acted on yet: one candidate is written per point"
