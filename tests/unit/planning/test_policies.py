"""The baselines do what their names say, and what holds for everyone holds for them."""

from dataclasses import replace

import pytest

from picegate.core.chat import Ask, DataPolicy, Message, Mode
from picegate.core.plan import CloudView, Forecast, NodeView, Pace, Plan
from picegate.planning.choice import Rules
from picegate.planning.planner import plan
from picegate.planning.policies import POLICIES

CLOUD, PACE = CloudView(limit=16), Pace(0.05, 1 / 3000, 0.029, 0.0009)
ORIN = NodeView("o", "o", "http://o/v1", "m", 8, 8, pace=Pace(0.05, 1 / 900, 0.039, 0.003))
LIST = Forecast(20, 350, spread=0.3)
HARD = replace(LIST, delegable=0.05, hard=1.0)
SHORT = replace(LIST, answer_tokens=60)


def planned(
    policy: str, forecast: Forecast = LIST, *, cloud: CloudView = CLOUD, fields: dict[str, object] | None = None
) -> Plan:
    ask = Ask("r", "pice", (Message("user", "q"),), {}, **(fields or {}))  # type: ignore[arg-type]
    return plan(ask, forecast, cloud, [ORIN, replace(ORIN, id="p")], Rules(), choose=POLICIES[policy], pace=PACE)


@pytest.mark.parametrize("forecast", [LIST, HARD, SHORT])
def test_cloud_and_edge_send_everything_one_way(forecast: Forecast) -> None:
    assert planned("cloud", forecast).mode is Mode.CLOUD
    assert planned("edge", forecast).mode is Mode.EDGE


def test_route_sends_the_short_and_easy_to_an_edge_and_the_rest_to_the_cloud() -> None:
    assert [planned("route", forecast).mode for forecast in (LIST, HARD, SHORT)] == [Mode.CLOUD, Mode.CLOUD, Mode.EDGE]


def test_sot_expands_in_the_cloud_when_its_skeleton_is_whole() -> None:
    chosen = planned("sot")
    assert (chosen.mode, chosen.points_in_cloud, chosen.pipelined) == (Mode.PROGRESSIVE, True, False)
    assert planned("sot", HARD).mode is Mode.CLOUD
    assert planned("sot", replace(LIST, chained=1.0)).mode is Mode.CLOUD


def test_pice_like_takes_the_longest_sketch_that_is_in_time_and_shows_nothing_before_the_end() -> None:
    chosen = planned("pice-like")
    assert (chosen.mode, chosen.whole, chosen.pipelined, chosen.level) == (Mode.PROGRESSIVE, True, False, 1)
    assert planned("pice-like", HARD).mode is Mode.CLOUD


@pytest.mark.parametrize("policy", POLICIES)
def test_private_and_special_requests_are_treated_alike_under_every_policy(policy: str) -> None:
    assert planned(policy, fields={"data_policy": DataPolicy.EDGE_ONLY}).mode is Mode.EDGE
    assert planned(policy, fields={"data_policy": DataPolicy.CLOUD_ONLY}).mode is Mode.CLOUD
    assert planned(policy, fields={"needs": ("tools",)}).mode is Mode.CLOUD
    assert planned(policy, cloud=replace(CLOUD, up=False)).mode is Mode.EDGE
