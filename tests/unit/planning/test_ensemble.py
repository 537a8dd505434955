"""How many candidates a point gets, from whom, and the reason that is given."""

from dataclasses import replace

import pytest

from picegate.core.plan import NodeView, Pace
from picegate.planning.ensemble import Moment, Second, When, opinions
from picegate.planning.placement import Leg

LEG = Leg(tokens=100.0, prompt_tokens=0.0)


def node(name: str, *, model: str = "other", token_s: float = 0.05, free: int = 4) -> NodeView:
    pace = Pace(first_s=0.1, prefill_s=0.0, step_s=token_s, slope_s=0.0, doubt=0.0)
    return NodeView(name, name, "http://n/v1", model, 4, free, pace=pace)


def second(name: str = "two", sound: float = 0.8, *, token_s: float = 0.05) -> Second:
    return Second(node(name, token_s=token_s), sound)


CALM = Moment(
    when="slack",
    most=2,
    depends=False,
    is_read=False,
    end_s=10.0,
    leg=LEG,
    sound=0.7,
    slots=8,
    free=7,
    seconds=[second()],
    price_s=0.0,
    worth_s=12.0,
)


def test_an_idle_node_writes_a_second_candidate_of_a_passage_that_nobody_reads_yet() -> None:
    found = opinions(CALM)
    assert (found.count, [one.name for one in found.asked]) == (2, ["two"])
    assert found.why == "24% more likely to be sound"  # weak in 30 %, of which the second is sound in 80 %


def test_a_node_does_not_make_its_own_passages_of_the_answer_late() -> None:
    """Two sequences decode no faster together than one after the other, and it writes the last passage."""
    alone = Pace(first_s=0.1, prefill_s=0.0, step_s=0.04, slope_s=0.04)
    busy = replace(node("two", free=3), pace=alone)
    last, soon = Second(busy, 0.8, rest_s=10.0), Second(busy, 0.8, rest_s=2.0)
    assert opinions(replace(CALM, seconds=[last])).why == "late: the answer is expected to end in 10.0 s"
    assert opinions(replace(CALM, seconds=[soon])).count == 2
    wide = Second(replace(busy, pace=replace(alone, slope_s=0.002)), 0.8, rest_s=10.0)
    assert opinions(replace(CALM, seconds=[wide])).count == 2


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        (replace(CALM, depends=True), "goes on from the text before it"),
        (replace(CALM, is_read=True), "read as it is written"),
        (replace(CALM, free=1), "busy: 1 of 8 slots are free"),
        (replace(CALM, free=0), "busy: 0 of 8 slots are free"),
        (replace(CALM, seconds=[]), "no other node"),
        (replace(CALM, end_s=4.0), "late: the answer is expected to end in 4.0 s"),
        (replace(CALM, sound=0.98), "not worth it: sound in 98% of cases"),
        (replace(CALM, seconds=[second(sound=0.05)]), "not worth it: sound in 70% of cases"),
        (replace(CALM, price_s=0.05), "not worth it: sound in 70% of cases"),
        (replace(CALM, worth_s=0.0, price_s=0.001), "not worth it: sound in 70% of cases"),
    ],
)
def test_one_candidate_has_its_reason(moment: Moment, why: str) -> None:
    assert (opinions(moment).count, opinions(moment).why) == (1, why)


def test_a_late_node_is_passed_over_for_one_in_time() -> None:
    found = opinions(replace(CALM, end_s=6.0, seconds=[second("slow", token_s=0.2), second("quick")]))
    assert [one.name for one in found.asked] == ["quick"]


def test_a_node_of_little_use_does_not_stand_before_a_good_one() -> None:
    found = opinions(replace(CALM, seconds=[second("bad", 0.02), second("good", 0.9)]))
    assert [one.name for one in found.asked] == ["good"]


def test_late_is_not_said_where_somebody_would_have_been_in_time() -> None:
    seconds = [second("slow", token_s=0.2), second("bad", 0.02)]
    assert opinions(replace(CALM, end_s=6.0, seconds=seconds)).why.startswith("not worth it")


def test_every_further_candidate_is_worth_less() -> None:
    many = replace(CALM, most=8, slots=40, free=39, sound=0.5, seconds=[second(f"n{n}", 0.7) for n in range(8)])
    found = opinions(many)
    assert found.count == 4  # 35 %, 10.5 %, 3.15 %, and 0.945 %, which is not worth it
    assert found.why == "49% more likely to be sound"
    assert opinions(replace(many, price_s=0.01)).count == 3  # 100 tokens: 1 s, which is 8.3 % of 12 s


@pytest.mark.parametrize(("free", "count"), [(1, 2), (2, 3), (3, 4)])
def test_some_slots_stay_free_for_others(free: int, count: int) -> None:
    moment = replace(CALM, most=8, slots=4, free=free, sound=0.1, seconds=[second(f"n{n}", 0.5) for n in range(7)])
    assert opinions(moment).count == count


def test_the_baseline_asks_as_many_as_there_are_whatever_it_costs() -> None:
    always = replace(CALM, when="always", is_read=True, depends=True, end_s=0.0, free=0, most=3)
    assert (opinions(always).count, opinions(always).why) == (2, "always")
    assert opinions(replace(always, seconds=[second(f"n{n}") for n in range(5)])).count == 3
    assert opinions(replace(always, seconds=[])).count == 1


@pytest.mark.parametrize("most", range(2, 9))
@pytest.mark.parametrize("when", ["slack", "always"])
def test_there_are_never_more_than_allowed(most: int, when: When) -> None:
    seconds = [second(f"n{n}", 0.5) for n in range(12)]
    moment = replace(CALM, when=when, most=most, slots=48, free=47, sound=0.05, seconds=seconds)
    assert opinions(moment).count <= most
