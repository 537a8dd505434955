"""Which node a leg goes to."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.plan import NodeState, NodeView, Pace
from picegate.planning.grouping import grouped
from picegate.planning.placement import Leg, leg_s, place
from tests.unit.planning.fleet import BAD, FAST, FEARED, GLACIAL, GOOD, SLOW, by, view


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


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 12))
def test_groups_keep_every_point_and_their_order(words: list[int], groups: int) -> None:
    made = grouped(words, groups)
    assert [index for group in made for index in group] == list(range(len(words)))
    assert len(made) == min(len(words), max(groups, 1))


def test_the_smallest_neighbours_are_merged() -> None:
    assert grouped([100, 10, 20, 90], 3) == [[0], [1, 2], [3]]
