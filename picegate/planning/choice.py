"""What is best where the rules leave a choice: of the ways to answer that are not later than the cloud alone, the
cheapest.
"""

from collections.abc import Callable, Sequence

from picegate.core.chat import Mode, ServiceLevel
from picegate.core.plan import Forecast, Option, Reason
from picegate.core.value import value
from picegate.planning.options import TRIED, Scene, progressive_options, whole_in_cloud, whole_on_edge


@value
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


@value
class Choice:
    """What a rule or a policy decides of a plan; its attributes are the plan's."""

    mode: Mode
    why: Reason
    options: tuple[Option, ...] = ()
    chosen: Option | None = None
    pipelined: bool = True
    points_in_cloud: bool = False
    whole: bool = False


Policy = Callable[[Scene, ServiceLevel, Rules], Choice]


def by_rule(mode: Mode, code: str, text: str) -> Choice:
    """A choice for which nothing was weighed."""
    return Choice(mode, Reason(code, text))


def best(scene: Scene, service: ServiceLevel, rules: Rules) -> Choice:
    """The cheapest of the ways that are not later than the cloud alone."""
    forecast = scene.forecast
    if not rules.enabled:
        return by_rule(Mode.CLOUD, "disabled", "progressive answers are switched off")
    if forecast.ceiling is not None and forecast.ceiling < rules.min_answer_tokens:
        return by_rule(Mode.CLOUD, "short_limit", f"max_tokens {forecast.ceiling} leaves nothing worth delegating")
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
        return Choice(Mode.CLOUD, why, options=tuple(options), chosen=alone)
    chosen = min((option for option in options if not option.out), key=lambda option: option.cost)
    return Choice(
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
    if all(option.out == TRIED for option in sketches):
        return Reason("edge_tried", f"{expected}, and {TRIED}")
    if all(option.out for option in sketches):
        soonest = min(option.finish_s for option in sketches)
        return Reason("edge_late", f"with the edge it would take {soonest:.1f} s, in the cloud {alone.finish_s:.1f} s")
    return Reason("cloud_cheapest", f"{expected}, and the edge has better uses for its time at this moment")
