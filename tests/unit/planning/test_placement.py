"""Which node a leg goes to, and what a fleet comes to."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.plan import NodeState, NodeView, Pace
from picegate.planning.grouping import grouped
from picegate.planning.latency import EDGE_GUESS
from picegate.planning.placement import TYPICAL_TOKENS, Leg, leg_s, place, placed_s, survey

FAST = Pace(0.05, 1 / 900, 0.02, 0.003)
SLOW = Pace(0.05, 1 / 900, 0.06, 0.003)
GLACIAL = Pace(0.05, 1 / 900, 2.0, 0.0)


def view(name: str, pace: Pace | None = FAST, *, slots: int = 4, free: int = 4, context: int | None = None) -> NodeView:
    return NodeView(name, name, "http://n/v1", "m", slots, free, pace=pace, context_tokens=context)


def placed(nodes: list[NodeView], leg: Leg | None = None, **wishes: Any) -> str | None:
    chosen = place(nodes, leg or Leg(), **wishes)
    return chosen and chosen.name


def test_the_leg_goes_where_it_is_done_first() -> None:
    assert placed([view("slow", SLOW), view("fast", free=1)]) == "fast"


def test_a_full_batch_makes_a_fast_node_slower_than_an_idle_one() -> None:
    crowded = replace(FAST, slope_s=0.02)
    assert placed([view("slow", SLOW), view("fast", crowded, free=1)]) == "slow"


def test_a_node_that_was_warmed_has_nothing_to_read() -> None:
    nodes = [view("cold"), view("warm")]
    assert placed(nodes, Leg(60, 3000), warmed=frozenset({"warm"})) == "warm"


def test_a_preferred_node_is_taken_while_it_has_a_slot() -> None:
    assert placed([view("fast"), view("slow", SLOW, free=1)], prefer="slow") == "slow"
    assert placed([view("fast"), view("slow", SLOW, free=0)], prefer="slow") == "fast"


def test_waiting_for_a_fast_node_beats_starting_on_a_glacial_one() -> None:
    assert placed([view("glacial", GLACIAL), view("fast", free=0)]) is None
    assert placed([view("slow", SLOW), view("fast", free=0)]) == "slow"
    assert placed([view("glacial", GLACIAL)]) == "glacial"


def test_a_node_of_unknown_speed_is_tried() -> None:
    assert placed([view("known", free=3), view("new", None)]) == "new"


def by(model: str, node: NodeView) -> NodeView:
    return replace(node, model=model)


GOOD, BAD = by("good", view("good")), by("bad", view("bad"))
FEARED = {"bad": 0.6}


def test_of_two_as_fast_the_more_trusted_writes() -> None:
    assert placed([BAD, GOOD]) == "bad"  # where nothing is known, the first
    assert placed([BAD, GOOD], weak=FEARED) == "good"


def test_a_less_trusted_node_writes_where_it_is_so_much_sooner_that_a_rewrite_is_paid_for() -> None:
    sooner = by("bad", view("sooner", replace(FAST, step_s=0.014)))
    much_sooner = by("bad", view("much sooner", replace(FAST, step_s=0.005)))
    assert placed([sooner, GOOD]) == "sooner"
    assert placed([sooner, GOOD], weak=FEARED) == "good"
    assert placed([much_sooner, GOOD], weak=FEARED) == "much sooner"
    assert placed([much_sooner, GOOD], weak=FEARED, stake_s=10.0) == "good"


def test_a_fuller_batch_of_trusted_ones_sends_the_next_leg_to_the_others() -> None:
    crowded = replace(GOOD, pace=replace(FAST, slope_s=0.02), free=1)
    assert placed([replace(crowded, free=4), BAD], weak=FEARED) == "good"
    assert placed([crowded, BAD], weak=FEARED) == "bad"


def test_a_leg_waits_for_a_trusted_node_only_where_that_is_sooner() -> None:
    full = replace(GOOD, free=0)
    assert placed([full, BAD], weak=FEARED) == "bad"
    assert placed([full, BAD], weak={"bad": 1.0}, stake_s=1000.0) == "bad"  # the stake is no reason to wait
    slow_and_bad = replace(BAD, pace=SLOW)
    assert placed([full, slow_and_bad]) == "bad"
    assert placed([full, slow_and_bad], weak=FEARED) is None


def test_fear_of_models_that_are_not_there_changes_nothing() -> None:
    nodes = [view("slow", SLOW), view("fast", free=1), view("full", free=0)]
    assert placed(nodes, weak={"gone": 0.9}, stake_s=100.0) == placed(nodes) == "fast"


def test_nobody_free_or_fitting_is_nobody() -> None:
    assert placed([view("a", free=0)]) is None
    assert placed([]) is None
    assert placed([view("a", context=100)], context_tokens=101) is None
    assert placed([view("a")], exclude=frozenset({"a"})) is None
    assert placed([replace(view("a"), state=NodeState.DRAINING)]) is None


@given(
    st.lists(st.tuples(st.floats(0.001, 1), st.floats(0, 0.1), st.integers(1, 8), st.integers(0, 8)), max_size=12),
    st.floats(1, 1000),
)
def test_no_free_node_would_be_sooner_than_the_one_that_is_taken(
    drawn: list[tuple[float, float, int, int]], tokens: float
) -> None:
    nodes = [
        view(str(number), Pace(0.05, 0.001, step, slope), slots=slots, free=min(free, slots))
        for number, (step, slope, slots, free) in enumerate(drawn)
    ]
    leg = Leg(tokens)
    chosen = placed(nodes, leg)
    times = {node.name: leg_s(node.pace, node.slots - node.free, leg) for node in nodes if node.free}
    if chosen is not None:
        assert times[chosen] == pytest.approx(min(times.values()))


def test_a_survey_counts_what_can_be_used() -> None:
    fleet = [
        view("a", slots=4, free=1),
        view("b", SLOW, slots=2, free=2),
        replace(view("gone"), state=NodeState.LOST),
        view("small", context=100),
    ]
    seen = survey(fleet, 200)
    assert (seen.ready, seen.fitting, seen.slots, seen.free) == (3, 2, 6, 3)
    assert [node.name for node in seen.shortlist] == ["a", "b"]
    assert seen.tokens_per_s == 4 / FAST.token_s(4) + 2 / SLOW.token_s(2)
    assert survey([], 0).pace == EDGE_GUESS


def test_points_placed_one_by_one_share_the_nodes() -> None:
    seen = survey([view("a", slots=2, free=2), view("b", slots=2, free=2)], 0)
    two = placed_s(seen, [Leg(100)] * 2, [0.0, 0.0], 9.0, warmed=True)
    assert two[0] == two[1] == leg_s(FAST, 0, Leg(100), warmed=True)
    five = placed_s(seen, [Leg(100)] * 5, [0.0] * 5, 9.0, warmed=True)
    assert five[:4] == sorted(five[:4])
    assert five[4] == pytest.approx(five[0] + leg_s(FAST, 1, Leg(100), warmed=True))


def test_points_of_one_answer_wait_for_one_another_where_slots_are_few() -> None:
    one_s = leg_s(FAST, 0, Leg(100), warmed=True)
    done = placed_s(survey([view("a", slots=1, free=1)], 0), [Leg(100)] * 3, [0.0, 0.1, 9.0], 0.0, warmed=True)
    assert done == pytest.approx([one_s, 2 * one_s, 9.0 + one_s])


def test_a_slot_that_others_hold_is_taken_where_it_comes_free_before_an_own_one() -> None:
    seen = survey([view("a", slots=3, free=1)], 0)
    own_s = leg_s(FAST, 2, Leg(100), warmed=True)
    third_s = TYPICAL_TOKENS * FAST.token_s(3) / 3  # of a passage, of which two are being written
    first, second, third, fourth = placed_s(seen, [Leg(100)] * 4, [0.0] * 4, 0.1, warmed=True)
    assert first == own_s
    assert second == pytest.approx(0.1 + third_s + leg_s(FAST, 2, Leg(100)))
    assert third == pytest.approx(0.1 + 2 * third_s + leg_s(FAST, 2, Leg(100)))
    assert fourth == pytest.approx(2 * own_s)


def test_what_was_owed_before_is_written_while_a_point_is_still_to_come() -> None:
    full = survey([view("a", slots=2, free=0)], 0)
    now, later, much_later = placed_s(full, [Leg(100)] * 3, [0.0, 4.0, 20.0], 9.0, warmed=True)
    assert 9.0 < now < later < now + TYPICAL_TOKENS * FAST.token_s(2)
    assert much_later == pytest.approx(20.0 + leg_s(FAST, 1, Leg(100)))


def test_fear_is_asked_for_among_the_models_that_fit_where_there_is_more_than_one() -> None:
    asked: list[frozenset[str]] = []

    def fears(models: frozenset[str]) -> dict[str, float]:
        asked.append(models)
        return FEARED

    assert survey([GOOD, BAD, by("small", view("c", context=100))], 200, fears).weak == FEARED
    assert asked == [{"good", "bad"}]
    assert survey([GOOD, by("small", view("c", context=100))], 200, fears).weak == {}
    assert len(asked) == 1


def test_a_forecast_takes_the_nodes_that_placement_will_take() -> None:
    fleet = [by("good", view("slow", SLOW)), by("bad", view("fast"))]
    leg = Leg(100)
    (sooner,) = placed_s(survey(fleet, 0), [leg], [0.0], 9.0, warmed=True)
    (trusted,) = placed_s(survey(fleet, 0, lambda _: FEARED, 60.0), [leg], [0.0], 9.0, warmed=True)
    assert sooner == leg_s(FAST, 0, leg, warmed=True)
    assert trusted == leg_s(SLOW, 0, leg, warmed=True)
    assert placed(fleet, leg) == "fast"
    assert placed(fleet, leg, weak=FEARED, stake_s=60.0) == "slow"


def test_many_fast_nodes_that_are_feared_do_not_hide_a_trusted_one() -> None:
    crowd = [by("bad", view(f"fast {number}")) for number in range(40)]
    seen = survey([*crowd, by("good", view("slow", SLOW))], 0, lambda _: FEARED, 60.0)
    assert seen.shortlist[0].name == "slow"


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 12))
def test_groups_keep_every_point_and_their_order(words: list[int], groups: int) -> None:
    made = grouped(words, groups)
    assert [index for group in made for index in group] == list(range(len(words)))
    assert len(made) == min(len(words), max(groups, 1))


def test_the_smallest_neighbours_are_merged() -> None:
    assert grouped([100, 10, 20, 90], 3) == [[0], [1, 2], [3]]
