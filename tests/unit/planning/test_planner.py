"""Who answers, and why: the planner's rules one by one."""

from typing import Any

import pytest

from picegate.core.chat import Ask, DataPolicy, Message, Mode, PiceOptions
from picegate.core.errors import BadRequest, ContextTooLong, Forbidden, NoNode
from picegate.core.plan import CloudView, NodeState, NodeView, Plan
from picegate.planning.length import forecast
from picegate.planning.planner import SKETCH_TOKENS, Rules, edge_instead, plan

LONG = "What are the main causes of stress at work and how can people deal with them?"


def ask(question: str = LONG, **fields: Any) -> Ask:
    return Ask("r1", "pice", (Message("user", question),), {}, **fields)


def node(**fields: Any) -> NodeView:
    return NodeView(**{"id": "n1", "name": "n1", "url": "http://n1/v1", "model": "m", "slots": 2, "free": 2, **fields})


def planned(request: Ask, *nodes: NodeView, cloud: CloudView | None = None, rules: Rules | None = None) -> Plan:
    return plan(request, forecast(request), cloud or CloudView(), nodes, rules or Rules())


def test_a_long_answer_with_ready_nodes_is_progressive() -> None:
    chosen = planned(ask(), node())
    assert (chosen.mode, chosen.why.code, chosen.level) == (Mode.PROGRESSIVE, "long_answer", 2)
    assert 1 <= chosen.max_points <= 8
    assert not chosen.forced


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


def test_a_number_of_words_asked_for_sets_the_forecast() -> None:
    assert forecast(ask("Write 400 words on bees")).answer_tokens == 540
    assert forecast(ask("Write 400 words on bees", max_tokens=100)).answer_tokens == 100
