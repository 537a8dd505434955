"""The baselines that `auto` is measured against, through the same gateway, forecast and predictions.

Rules that hold for everyone (data policy, needs, context, what the client forced) hold here, too: a policy decides only
what they leave open. None of these is meant for service.
"""

from collections.abc import Mapping

from picegate.core.chat import Mode, ServiceLevel
from picegate.core.plan import Reason
from picegate.planning.choice import Choice, Policy, Rules, best
from picegate.planning.options import Scene, progressive_options, whole_in_cloud, whole_on_edge

ROUTE_TOKENS = 300  # `route` sends answers forecast to be no longer than this to an edge, unless they are hard
SKELETON_LEVEL = 3  # the shortest sketch is the nearest to Skeleton-of-Thought's three to five words a point
_SUITABLE = 0.5  # probability of delegation above which a question is taken for a list of points
_LONGEST_FIRST = (1, 2, 3)  # level 1 is the longest sketch


def cloud(scene: Scene, _: ServiceLevel, __: Rules) -> Choice:
    """Baseline: the cloud writes everything."""
    return Choice(Mode.CLOUD, Reason("baseline", "policy cloud"), chosen=whole_in_cloud(scene))


def edge(scene: Scene, _: ServiceLevel, __: Rules) -> Choice:
    """Baseline: an edge writes everything, hard questions too."""
    return Choice(Mode.EDGE, Reason("baseline", "policy edge"), chosen=whole_on_edge(scene, whole_in_cloud(scene)))


def route(scene: Scene, service: ServiceLevel, rules: Rules) -> Choice:
    """Baseline: all or nothing by the learned forecast, as routers between two models do; the load is not looked at."""
    forecast = scene.forecast
    if forecast.hard < _SUITABLE and forecast.answer_tokens <= ROUTE_TOKENS:
        return edge(scene, service, rules)
    return cloud(scene, service, rules)


def sot(scene: Scene, service: ServiceLevel, rules: Rules) -> Choice:
    """Baseline: Skeleton-of-Thought with a router (Ning et al., 2024): the cloud expands its own points in parallel."""
    forecast = scene.forecast
    independent = forecast.delegable * (1.0 - forecast.chained)
    if independent < _SUITABLE or forecast.answer_tokens < rules.min_answer_tokens:
        return cloud(scene, service, rules)
    (option,) = progressive_options(scene, whole_in_cloud(scene), rules.fixed_level or SKELETON_LEVEL)
    return Choice(
        Mode.PROGRESSIVE, Reason("baseline", "policy sot"), chosen=option, points_in_cloud=True, pipelined=False
    )


def pice_like(scene: Scene, service: ServiceLevel, rules: Rules) -> Choice:
    """Baseline: our reconstruction of PICE (Zhan et al., 2025), whose formulas are not public.

    The longest sketch level `s` with `T_cloud(s) + T_net + Q_edge + T_edge(L) / p <= T_cloud(L)`, else the full cloud
    answer. The sketch is finished before anything is handed out, its points are grouped over the free slots, and the
    answer is returned when the last group is done.
    """
    forecast, alone = scene.forecast, whole_in_cloud(scene)
    if forecast.delegable < _SUITABLE or forecast.answer_tokens < rules.min_answer_tokens:
        return cloud(scene, service, rules)
    pace = scene.fleet.pace
    for level in (rules.fixed_level,) if rules.fixed_level else _LONGEST_FIRST:
        split = scene.levels.split(level, forecast, scene.max_points)
        lanes = max(1, min(split.points, scene.fleet.free))
        token_s = pace.token_s(scene.fleet.batch + lanes / max(scene.fleet.ready, 1))
        edge_s = pace.begin_s(forecast.prompt_tokens) + forecast.mean_tokens * token_s / lanes
        sketch_s = scene.begin_s(split.cloud, forecast.prompt_tokens) + split.cloud * scene.token_s
        if sketch_s + scene.market.edge_wait_s + edge_s <= alone.finish_s:
            (option,) = progressive_options(scene, alone, level)
            return Choice(
                Mode.PROGRESSIVE, Reason("baseline", "policy pice-like"), chosen=option, pipelined=False, whole=True
            )
    return cloud(scene, service, rules)


POLICIES: Mapping[str, Policy] = {
    "auto": best,
    "cloud": cloud,
    "edge": edge,
    "route": route,
    "sot": sot,
    "pice-like": pice_like,
}
