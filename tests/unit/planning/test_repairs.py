"""What is written in vain or twice: learnt from answers, kept over a restart, and in the price of a plan."""

from dataclasses import replace
from typing import Any

import pytest

from picegate.core.chat import Ask, Message, Mode, ServiceLevel
from picegate.core.plan import CloudView, NodeView, Option, Plan
from picegate.core.usage import LegEnd, LegKind, LegRecord, Tally, Tokens
from picegate.planning.choice import Rules
from picegate.planning.length import LengthModel
from picegate.planning.planner import Experience, plan
from picegate.planning.repairs import Again, RepairModel, Written, written
from picegate.wire.plan import plan_body

WEAK = Written(passages=200, edge_again=200, cloud_again=200)
GOOD = Written(passages=200, edge_again=0, cloud_again=0)
ASK = Ask("r", "pice", (Message("user", "What are the main causes of stress at work, and what helps?"),), {})
NODES = [NodeView("n", "n", "http://n/v1", "m", 8, 8)]


def leg(kind: LegKind, tokens: int, *, where: str = "n", end: LegEnd = LegEnd.DONE) -> LegRecord:
    return LegRecord(kind, where, "m", 0.0, 0, end=end, tokens=Tokens(10, tokens))


def taught(seen: Written, times: int = 60, service: ServiceLevel = ServiceLevel.LATENCY) -> RepairModel:
    model = RepairModel()
    for _ in range(times):
        model.learn(service, seen)
    return model


def planned(model: RepairModel, load: float = 0.0, **rules: Any) -> Plan:
    experience = Experience(repairs=model, arrivals_per_s=2.0)
    experience.load.edge_tokens = load
    return plan(ASK, LengthModel().forecast(ASK), CloudView(limit=16), NODES, Rules(**rules), experience)


def option(of: Plan, level: int = 2) -> Option:
    return next(one for one in of.options if one.mode is Mode.PROGRESSIVE and one.level == level)


def test_of_an_answer_all_is_counted_that_was_written_for_its_points() -> None:
    legs = [
        leg(LegKind.SKETCH, 70, where="cloud"),
        leg(LegKind.WARM, 1),
        leg(LegKind.EXPAND, 100),
        leg(LegKind.EXPAND, 30, end=LegEnd.FAILED),
        leg(LegKind.HEDGE, 80),
        leg(LegKind.HEDGE, 5, end=LegEnd.CANCELLED),
        leg(LegKind.VERIFY, 90),
        leg(LegKind.VERIFY, 110, where="cloud"),
        leg(LegKind.HEDGE, 60, where="cloud"),
    ]
    assert written(Tally(legs)) == Written(passages=100 + 80 + 60, edge_again=30 + 5, cloud_again=110 + 60)


def test_who_has_seen_nothing_expects_no_repair() -> None:
    assert RepairModel().again(ServiceLevel.LATENCY) == Again(0.0, 0.0)


def test_weak_passages_are_learnt_with_time_and_forgotten_again() -> None:
    model = taught(WEAK, 1)
    assert 0 < model.again(ServiceLevel.LATENCY).edge < 0.25
    model = taught(WEAK)
    assert 0.7 < model.again(ServiceLevel.LATENCY).edge <= 1.0
    for _ in range(150):
        model.learn(ServiceLevel.LATENCY, GOOD)
    assert model.again(ServiceLevel.LATENCY).edge < 0.05


def test_what_the_cloud_repairs_is_learnt_for_each_service_level_and_what_edges_do_for_all() -> None:
    model = taught(WEAK, service=ServiceLevel.QUALITY)
    assert model.again(ServiceLevel.QUALITY).cloud > 0.7
    assert model.again(ServiceLevel.LATENCY).cloud == 0.0
    assert model.again(ServiceLevel.LATENCY).edge > 0.7


def test_repairs_are_in_the_tokens_and_in_the_price_but_not_in_the_times() -> None:
    good, weak = option(planned(RepairModel())), option(planned(taught(WEAK)))
    assert (good.again_cloud, good.again_edge) == (0.0, 0.0)
    assert weak.edge_tokens == pytest.approx(good.edge_tokens + weak.again_edge)
    assert weak.cloud_tokens == pytest.approx(good.cloud_tokens + weak.again_cloud)
    assert weak.again_edge > 0.5 * good.edge_tokens
    assert (weak.first_s, weak.finish_s) == (good.first_s, good.finish_s)
    busy, busy_and_weak = option(planned(RepairModel(), 3000)), option(planned(taught(WEAK), 3000))
    assert busy_and_weak.cost > busy.cost


def test_a_fleet_whose_passages_the_cloud_writes_again_is_left_alone_by_those_who_pay_for_tokens() -> None:
    rewritten = taught(Written(200, 0, 400), service=ServiceLevel.COST)
    settings: dict[str, Any] = {"service_level": ServiceLevel.COST, "edge_alone": False}
    assert planned(RepairModel(), **settings).mode is Mode.PROGRESSIVE
    assert planned(rewritten, **settings).mode is Mode.CLOUD


def test_a_plan_shows_what_it_expects_to_be_repaired() -> None:
    shown = plan_body(planned(taught(WEAK)))
    assert shown["numbers"]["edge_again_share"] > 0.7
    assert shown["numbers"]["cloud_again_share"] > 0.7
    again = next(one["again_tokens"] for one in shown["options"] if one["level"] == 2)
    assert again["edge"] > 0
    assert again["cloud"] > 0


def test_a_restart_forgets_nothing() -> None:
    model = taught(WEAK, service=ServiceLevel.COST)
    again = RepairModel.of(model.as_data())
    assert [again.again(service) for service in ServiceLevel] == [model.again(service) for service in ServiceLevel]


@pytest.mark.parametrize(
    "spoilt",
    [None, {}, {"version": 99}, {"edge": [1.0]}, {"edge": [-1.0, 5.0]}, {"edge": "no"}, {"edge": [float("nan"), 1.0]}],
)
def test_what_another_version_wrote_or_something_broke_is_begun_anew(spoilt: dict[str, Any] | None) -> None:
    data = taught(WEAK).as_data() | spoilt if spoilt else spoilt
    assert RepairModel.of(data).again(ServiceLevel.LATENCY) == Again()


def test_a_share_has_a_bound() -> None:
    endless = replace(WEAK, passages=0, edge_again=10_000)
    assert taught(endless).again(ServiceLevel.LATENCY).edge == 4.0
