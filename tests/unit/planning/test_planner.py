"""Who answers, and why: the planner's rules one by one."""

from dataclasses import replace
from typing import Any

import pytest

from picegate.core.chat import Ask, DataPolicy, Message, Mode, PiceOptions, ServiceLevel
from picegate.core.errors import BadRequest, ContextTooLong, Forbidden, NoNode
from picegate.core.plan import CloudView, Forecast, NodeState, NodeView, Pace, Plan
from picegate.planning.choice import Rules
from picegate.planning.kinds import kind_of
from picegate.planning.length import LengthModel
from picegate.planning.load import Load
from picegate.planning.losses import Losses
from picegate.planning.planner import SKETCH_TOKENS, Experience, edge_instead, plan, service_level
from picegate.planning.skill import Skill

LONG = "What are the main causes of stress at work and how can people deal with them?"


def ask(question: str = LONG, **fields: Any) -> Ask:
    return Ask("r1", "pice", (Message("user", question),), {}, **fields)


def forecast(request: Ask) -> Forecast:
    return LengthModel().forecast(request)


def node(**fields: Any) -> NodeView:
    return NodeView(**{"id": "n1", "name": "n1", "url": "http://n1/v1", "model": "m", "slots": 4, "free": 4, **fields})


def planned(request: Ask, *nodes: NodeView, cloud: CloudView | None = None, rules: Rules | None = None) -> Plan:
    return plan(request, forecast(request), cloud or CloudView(), nodes, rules or Rules())


def test_a_long_answer_with_ready_nodes_is_progressive() -> None:
    chosen = planned(ask(), node())
    assert (chosen.mode, chosen.why.code) == (Mode.PROGRESSIVE, "long_answer")
    assert 1 <= chosen.level <= 3
    assert 1 <= chosen.max_points <= 8
    assert not chosen.forced


def test_where_edges_fail_so_often_that_the_cloud_is_sooner_the_cloud_answers() -> None:
    def with_losses(losses: Losses) -> Plan:
        return plan(ask(), forecast(ask()), CloudView(), [node()], Rules(), Experience(losses=losses))

    assert with_losses(Losses(share=0.01, lost_s=2.0)).mode is Mode.PROGRESSIVE
    failing = with_losses(Losses(share=0.5, lost_s=20.0))
    assert (failing.mode, failing.why.code) == (Mode.CLOUD, "edge_late")
    assert failing.numbers["edge_lost_s"] == 15.0


def test_a_higher_level_allows_more_points() -> None:
    points = [planned(ask(options=PiceOptions(level=level)), node()).max_points for level in (1, 2, 3)]
    assert points == sorted(points)
    assert points[0] < points[2]


@pytest.mark.parametrize(
    "question",
    ["What is the capital of Peru?", "hello!", "Explain gravity in one sentence.", "重力とは何ですか。一言で。"],
)
def test_short_answers_are_the_clouds(question: str) -> None:
    assert planned(ask(question), node()).why.code == "short_answer"


def test_a_short_max_tokens_is_the_clouds() -> None:
    assert planned(ask(max_tokens=50), node()).why.code == "short_limit"


@pytest.mark.parametrize("need", ["tools", "response_format", "n", "logprobs", "messages"])
def test_what_only_the_cloud_can_serve_goes_there_even_when_progressive_is_forced(need: str) -> None:
    chosen = planned(ask(needs=(need,), options=PiceOptions(mode=Mode.PROGRESSIVE)), node())
    assert (chosen.mode, chosen.why.code, chosen.forced) == (Mode.CLOUD, "needs_cloud", False)
    assert need in chosen.why.text


@pytest.mark.parametrize("state", [NodeState.LOST, NodeState.DRAINING])
def test_without_a_ready_node_the_cloud_answers(state: NodeState) -> None:
    assert planned(ask()).why.code == "no_edge"
    assert planned(ask(), node(state=state)).why.code == "no_edge"


def test_a_conversation_too_long_for_every_node_is_the_clouds() -> None:
    assert planned(ask("why? " * 4000), node(context_tokens=2048)).why.code == "context"


def test_a_cloud_without_room_for_our_instructions_gets_the_request_as_it_came() -> None:
    expected = forecast(ask())
    needed = expected.prompt_tokens + SKETCH_TOKENS + expected.answer_tokens
    assert planned(ask(), node(), cloud=CloudView(context_tokens=needed)).mode is Mode.PROGRESSIVE
    assert planned(ask(), node(), cloud=CloudView(context_tokens=needed - 1)).why.code == "cloud_context"


def test_a_node_of_unknown_context_is_taken_to_fit() -> None:
    assert planned(ask("why? " * 4000), node(context_tokens=None)).mode is Mode.PROGRESSIVE


@pytest.mark.parametrize("mode", list(Mode))
def test_a_forced_mode_is_kept_where_it_is_possible(mode: Mode) -> None:
    chosen = planned(ask(options=PiceOptions(mode=mode)), node())
    assert (chosen.mode, chosen.why.code, chosen.forced) == (mode, "forced", True)


def test_forced_progressive_holds_for_short_answers_too() -> None:
    assert planned(ask("hi", options=PiceOptions(mode=Mode.PROGRESSIVE)), node()).mode is Mode.PROGRESSIVE


def test_switched_off_means_cloud() -> None:
    assert planned(ask(), node(), rules=Rules(enabled=False)).why.code == "disabled"


def test_an_edge_answers_when_the_cloud_is_down() -> None:
    chosen = planned(ask(), node(), cloud=CloudView(up=False))
    assert (chosen.mode, chosen.why.code) == (Mode.EDGE, "cloud_down")


def test_a_client_that_forced_the_cloud_gets_no_edge_instead() -> None:
    request = ask(options=PiceOptions(mode=Mode.CLOUD))
    assert planned(request, node(), cloud=CloudView(up=False)).mode is Mode.CLOUD
    assert edge_instead(request, forecast(request), [node()]) is None


def test_private_data_stays_on_the_edge() -> None:
    private = {"data_policy": DataPolicy.EDGE_ONLY}
    assert planned(ask(**private), node()).mode is Mode.EDGE
    with pytest.raises(NoNode):
        planned(ask(**private))
    with pytest.raises(ContextTooLong, match="2048"):
        planned(ask("why? " * 4000, **private), node(context_tokens=2048))
    with pytest.raises(BadRequest) as raised:
        planned(ask(needs=("tools",), **private), node())
    assert raised.value.param == "tools"
    with pytest.raises(Forbidden):
        planned(ask(options=PiceOptions(mode=Mode.CLOUD), **private), node())


def test_data_that_must_not_reach_an_edge_goes_to_the_cloud() -> None:
    only = {"data_policy": DataPolicy.CLOUD_ONLY}
    assert planned(ask(**only), node()).why.code == "policy"
    with pytest.raises(Forbidden):
        planned(ask(options=PiceOptions(mode=Mode.EDGE), **only), node())
    assert edge_instead(ask(**only), forecast(ask()), [node()]) is None


def test_every_plan_carries_the_numbers_it_was_chosen_by() -> None:
    numbers = planned(ask(), node(free=1)).numbers
    assert numbers["slots_free"] == 1
    assert numbers["expected_answer_tokens"] == forecast(ask()).answer_tokens


def test_what_is_accepted_but_not_acted_on_is_said() -> None:
    assert "ensemble" in planned(ask(options=PiceOptions(ensemble=3)), node()).notes[0]


# What the planner weighs, where the rules leave a choice. The paces: a 70B model, and a 7B one on a Jetson.

BIG = Pace(first_s=0.05, prefill_s=1 / 3000, step_s=0.029, slope_s=0.0009)
SMALL = Pace(first_s=0.05, prefill_s=1 / 900, step_s=0.039, slope_s=0.003)
LIST = Forecast(prompt_tokens=20, answer_tokens=350, spread=0.3)


def weighed(
    expected: Forecast = LIST,
    *nodes: NodeView,
    cloud: CloudView | None = None,
    load: Load | None = None,
    skill: Skill | None = None,
    **rules: Any,
) -> Plan:
    request = ask(**{"options": PiceOptions(service_level=rules.pop("service", None))})
    learnt = Experience(load=load or Load(), skill=skill, arrivals_per_s=1.0)
    return plan(request, expected, cloud or CloudView(limit=16), nodes, Rules(**rules), learnt, pace=BIG)


def orin(number: int = 0, *, free: int = 8, pace: Pace = SMALL) -> NodeView:
    return node(id=f"orin-{number}", name=f"orin-{number}", slots=8, free=free, pace=pace)


def queue_of(calls: int) -> CloudView:
    return CloudView(limit=16, in_flight=16, queued=calls, waiting=(300.0,) * calls)


def test_an_answer_is_never_predicted_to_come_later_than_from_the_cloud_alone() -> None:
    slow = Pace(first_s=1.0, prefill_s=0.01, step_s=0.5, slope_s=0.1)
    chosen = weighed(LIST, orin(pace=slow))
    assert (chosen.mode, chosen.why.code) == (Mode.CLOUD, "edge_late")
    assert all(option.out for option in chosen.options if option.mode is not Mode.CLOUD)


@pytest.mark.parametrize("queued", [0, 5, 40])
@pytest.mark.parametrize("free", [0, 1, 8])
@pytest.mark.parametrize("step_s", [0.01, 0.04, 0.2])
@pytest.mark.parametrize("service", list(ServiceLevel))
def test_the_promise_holds_under_every_load(queued: int, free: int, step_s: float, service: ServiceLevel) -> None:
    cloud = queue_of(queued) if queued else CloudView(limit=16)
    pace = replace(SMALL, step_s=step_s)
    chosen = weighed(LIST, orin(1, free=free, pace=pace), orin(2, free=free, pace=pace), cloud=cloud, service=service)
    alone = next(option for option in chosen.options if option.mode is Mode.CLOUD)
    assert chosen.chosen is not None
    assert chosen.chosen.finish_s <= alone.finish_s


def test_a_cloud_alone_would_also_have_to_write_what_edges_owe() -> None:
    story = replace(LIST, chained=1.0)
    fleet = [orin(number, free=0) for number in range(8)]

    def sketched(cloud: CloudView, owed: float) -> tuple[str, float, float]:
        chosen = weighed(story, *fleet, cloud=cloud, load=Load(edge_tokens=owed))
        alone, sketch, *_ = chosen.options
        return sketch.out, sketch.finish_s - alone.finish_s, chosen.numbers["spared_s"]

    out, later_s, spared_s = sketched(queue_of(5), 4_000.0)
    assert (out, 0 < later_s <= spared_s) == ("", True)
    out, later_s, spared_s = sketched(queue_of(5), 0.0)
    assert (out, later_s > 0, spared_s) == ("later than the cloud alone", True, 0.0)
    out, _, spared_s = sketched(CloudView(limit=16, in_flight=15), 4_000.0)
    assert (out, spared_s) == ("later than the cloud alone", 0.0)


def test_the_promise_is_about_the_nodes_that_will_write_however_fast_others_are() -> None:
    kind = kind_of(LIST.features)
    skill = Skill()
    for _ in range(40):
        skill.judge(0.0, "good", kind, sound=True)
        skill.judge(0.0, "bad", kind, sound=False)
    fast = replace(orin(1), model="bad")
    slow = replace(orin(2, pace=replace(SMALL, step_s=2.0)), model="good")

    def with_skill(skill: Skill | None) -> Plan:
        return weighed(
            LIST, fast, slow, cloud=queue_of(60), skill=skill, service=ServiceLevel.QUALITY, edge_alone=False
        )

    unjudged, judged = with_skill(None), with_skill(skill)
    assert (unjudged.mode, judged.mode) == (Mode.PROGRESSIVE, Mode.CLOUD)
    assert judged.why.code == "edge_late"
    assert judged.numbers["less_trusted"].startswith("bad by ")


def test_what_hardly_delegates_stays_in_the_cloud() -> None:
    chosen = weighed(replace(LIST, delegable=0.05, hard=1.0), orin())
    assert (chosen.mode, chosen.why.code) == (Mode.CLOUD, "unsuitable")


def test_hard_questions_are_not_an_edges_alone_however_busy_the_cloud() -> None:
    hard = replace(LIST, delegable=0.05, hard=1.0)
    assert weighed(hard, orin(), cloud=queue_of(100)).mode is Mode.CLOUD


def test_an_easy_answer_is_an_edges_while_the_cloud_is_busy_and_the_clouds_else() -> None:
    easy = replace(LIST, answer_tokens=60)
    assert weighed(easy, orin()).mode is Mode.CLOUD
    busy = weighed(easy, orin(), cloud=queue_of(40))
    assert (busy.mode, busy.why.code) == (Mode.EDGE, "cloud_busy")
    assert weighed(easy, orin(), cloud=queue_of(40), edge_alone=False).mode is Mode.CLOUD


def test_a_story_is_one_passage_that_an_idle_cloud_writes_sooner() -> None:
    story = replace(LIST, chained=1.0)
    assert weighed(story, orin()).mode is Mode.CLOUD


def test_quality_first_traffic_stays_in_the_cloud_while_that_meets_the_objective() -> None:
    light = weighed(LIST, orin(), service=ServiceLevel.QUALITY)
    assert (light.mode, light.why.code) == (Mode.CLOUD, "quality_first")
    heavy = weighed(LIST, orin(), cloud=queue_of(60), service=ServiceLevel.QUALITY)
    assert heavy.mode is Mode.PROGRESSIVE


def test_the_service_level_comes_from_the_request_then_its_tier_then_its_key_then_the_config() -> None:
    options = PiceOptions(service_level=ServiceLevel.QUALITY)
    key = ServiceLevel.COST
    default = ServiceLevel.LATENCY
    assert service_level(ask(options=options, service_tier="flex", key_level=key), default) is ServiceLevel.QUALITY
    assert service_level(ask(service_tier="priority", key_level=key), default) is ServiceLevel.LATENCY
    assert service_level(ask(service_tier="flex"), default) is ServiceLevel.COST
    assert service_level(ask(service_tier="auto", key_level=key), default) is key
    assert service_level(ask(service_tier="default"), default) is default


def test_prices_follow_the_queues() -> None:
    idle, busy = weighed(LIST, orin()).numbers, weighed(LIST, orin(free=0), cloud=queue_of(20)).numbers
    assert busy["cloud_price_ms"] > idle["cloud_price_ms"]  # type: ignore[operator]
    owed = Experience(arrivals_per_s=1.0)
    owed.load.edge_tokens = 5000
    heavy = plan(ask(), LIST, CloudView(limit=16), [orin(free=0)], Rules(), owed, pace=BIG)
    assert heavy.numbers["edge_price_ms"] > busy["edge_price_ms"]  # type: ignore[operator]


def test_where_the_edge_owes_much_more_the_cloud_takes_over() -> None:
    owed = Experience(arrivals_per_s=2.0)
    owed.load.edge_tokens = 50_000
    assert plan(ask(), LIST, CloudView(limit=16), [orin(free=0)], Rules(), owed, pace=BIG).mode is Mode.CLOUD


def test_a_fixed_level_is_kept() -> None:
    assert {weighed(LIST, orin(), fixed_level=level).level for level in (1, 2, 3)} == {1, 2, 3}


def test_a_plan_shows_every_way_that_was_weighed() -> None:
    chosen = weighed(LIST, orin())
    assert [(option.mode, option.level) for option in chosen.options] == [
        (Mode.CLOUD, 0),
        (Mode.PROGRESSIVE, 1),
        (Mode.PROGRESSIVE, 2),
        (Mode.PROGRESSIVE, 3),
        (Mode.EDGE, 0),
    ]
    assert chosen.chosen in chosen.options
    allowed = [option.cost for option in chosen.options if not option.out]
    assert chosen.chosen is not None
    assert chosen.chosen.cost == min(allowed)


def test_a_late_first_token_is_hedged_only_where_slots_are_to_spare() -> None:
    assert weighed(LIST, orin(1), orin(2)).hedge_s is not None
    assert weighed(LIST, orin(1)).hedge_s is None
    assert weighed(LIST, orin(1, free=1), orin(2, free=1)).hedge_s is None
    assert weighed(LIST, orin(1), orin(2), hedging=False).hedge_s is None


def test_quality_first_waits_longest_for_the_better_model_and_cost_first_least() -> None:
    stakes = [
        planned(ask(options=PiceOptions(mode=Mode.PROGRESSIVE, service_level=level)), node()).stake_s
        for level in (ServiceLevel.COST, ServiceLevel.LATENCY, ServiceLevel.QUALITY)
    ]
    assert 0 < stakes[0] < stakes[1] < stakes[2] / 10


def test_one_request_at_a_time_is_planned_with_nodes_that_have_shown_nothing_yet() -> None:
    said = replace(orin(1), proven=False)

    def planned_while(trying: bool, *nodes: NodeView) -> Plan:
        learnt = Experience(arrivals_per_s=1.0, trying=trying)
        return plan(ask(), LIST, CloudView(limit=16), nodes, Rules(), learnt, pace=BIG)

    first, second = planned_while(False, said), planned_while(True, said)
    assert first.mode is Mode.PROGRESSIVE
    assert first.chosen is not None
    assert first.chosen.tries
    assert (second.mode, second.why.code) == (Mode.CLOUD, "edge_tried")
    beside = planned_while(True, said, orin(2))
    assert beside.mode is Mode.PROGRESSIVE
    assert beside.chosen is not None
    assert not beside.chosen.tries


def test_where_answers_are_short_one_of_them_finds_out_how_fast_an_edge_is() -> None:
    easy, said = replace(LIST, answer_tokens=60), replace(orin(), proven=False)

    def while_trying(trying: bool) -> Plan:
        learnt = Experience(arrivals_per_s=1.0, trying=trying)
        return plan(ask(), easy, queue_of(40), [said], Rules(), learnt, pace=BIG)

    first = while_trying(False)
    assert first.mode is Mode.EDGE
    assert first.chosen is not None
    assert first.chosen.tries
    assert while_trying(True).mode is Mode.CLOUD
