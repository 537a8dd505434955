"""When legs would be done, and how many nodes read their prompt."""

from dataclasses import replace

import pytest

from picegate.planning.placement import TYPICAL_TOKENS, Leg, leg_s, place
from picegate.planning.schedule import Reading, schedule
from picegate.planning.survey import survey
from tests.unit.planning.fleet import FAST, FEARED, SLOW, by, view


def test_points_placed_one_by_one_share_the_nodes() -> None:
    seen = survey([view("a", slots=2, free=2), view("b", slots=2, free=2)], 0)
    two = schedule(seen, [Leg(100)] * 2, [0.0, 0.0], 9.0, Reading.DONE).done
    assert two[0] == two[1] == leg_s(FAST, 0, Leg(100), warmed=True)
    five = schedule(seen, [Leg(100)] * 5, [0.0] * 5, 9.0, Reading.DONE).done
    assert five[:4] == sorted(five[:4])
    assert five[4] == pytest.approx(five[0] + leg_s(FAST, 1, Leg(100), warmed=True))


def test_points_of_one_answer_wait_for_one_another_where_slots_are_few() -> None:
    one_s = leg_s(FAST, 0, Leg(100), warmed=True)
    done = schedule(survey([view("a", slots=1, free=1)], 0), [Leg(100)] * 3, [0.0, 0.1, 9.0], 0.0, Reading.DONE).done
    assert done == pytest.approx([one_s, 2 * one_s, 9.0 + one_s])


def test_a_slot_that_others_hold_is_taken_where_it_comes_free_before_an_own_one() -> None:
    seen = survey([view("a", slots=3, free=1)], 0)
    own_s = leg_s(FAST, 2, Leg(100), warmed=True)
    third_s = TYPICAL_TOKENS * FAST.token_s(3) / 3  # of a passage, of which two are being written
    first, second, third, fourth = schedule(seen, [Leg(100)] * 4, [0.0] * 4, 0.1, Reading.DONE).done
    assert first == own_s
    assert second == pytest.approx(0.1 + third_s + leg_s(FAST, 2, Leg(100)))
    assert third == pytest.approx(0.1 + 2 * third_s + leg_s(FAST, 2, Leg(100)))
    assert fourth == pytest.approx(2 * own_s)


def test_what_was_owed_before_is_written_while_a_point_is_still_to_come() -> None:
    full = survey([view("a", slots=2, free=0)], 0)
    now, later, much_later = schedule(full, [Leg(100)] * 3, [0.0, 4.0, 20.0], 9.0, Reading.DONE).done
    assert 9.0 < now < later < now + TYPICAL_TOKENS * FAST.token_s(2)
    assert much_later == pytest.approx(20.0 + leg_s(FAST, 1, Leg(100)))


def test_a_forecast_takes_the_nodes_that_placement_will_take() -> None:
    fleet = [by("good", view("slow", SLOW)), by("bad", view("fast"))]
    leg = Leg(100)
    (sooner,) = schedule(survey(fleet, 0), [leg], [0.0], 9.0, Reading.DONE).done
    (trusted,) = schedule(survey(fleet, 0, lambda _: FEARED, 60.0), [leg], [0.0], 9.0, Reading.DONE).done
    assert sooner == leg_s(FAST, 0, leg, warmed=True)
    assert trusted == leg_s(SLOW, 0, leg, warmed=True)
    assert place(fleet, leg) == fleet[1]
    assert place(fleet, leg, weak=FEARED, stake_s=60.0) == fleet[0]


LONG = Leg(60, 4500)  # its prompt is read in 5 s
PROMPT_S = FAST.prefill_s * LONG.prompt_tokens


def test_a_prompt_is_read_once_on_each_node_that_writes() -> None:
    fleet = survey([view(name, slots=8, free=8) for name in "abcd"], 0)
    cold = schedule(fleet, [LONG] * 4, [0.0] * 4, 0.0, Reading.LATE)
    assert (cold.nodes, cold.read_s) == (4, pytest.approx(4 * PROMPT_S))
    assert cold.done[0] == pytest.approx(PROMPT_S + leg_s(FAST, 0, LONG, warmed=True))
    read = schedule(fleet, [LONG] * 4, [0.0] * 4, 0.0, Reading.DONE)
    assert read.read_s == 0.0
    assert read.done[0] == pytest.approx(cold.done[0] - PROMPT_S)


def test_what_is_read_ahead_delays_only_legs_that_come_before_it_is_read() -> None:
    fleet = survey([view("a", slots=8, free=8)], 0)
    early, late = schedule(fleet, [LONG] * 2, [1.0, PROMPT_S + 3.0], 0.0, Reading.AHEAD).done
    assert early == pytest.approx(PROMPT_S + leg_s(FAST, 0, LONG, warmed=True))
    assert late == pytest.approx(PROMPT_S + 3.0 + leg_s(FAST, 0, LONG, warmed=True))  # the first is done


def test_where_reading_costs_others_much_fewer_nodes_read() -> None:
    fleet = survey([view(name, slots=8, free=8) for name in "abcd"], 0)
    nodes = [
        schedule(fleet, [LONG] * 8, [0.1 * n for n in range(8)], 0.0, Reading.AHEAD, price).nodes
        for price in (0.0, 0.01, 1.0)
    ]
    assert nodes[0] == 4
    assert nodes == sorted(nodes, reverse=True)
    assert nodes[-1] == 1


def test_a_schedule_says_whether_it_tries_a_node_that_has_shown_nothing_yet() -> None:
    said = replace(view("said", slots=1, free=1), proven=False)
    fleet = survey([said, view("shown", SLOW)], 0)
    assert schedule(fleet, [Leg(100)], [0.0], 0.0, Reading.DONE).tries
    assert not schedule(survey([view("shown", SLOW)], 0), [Leg(100)], [0.0], 0.0, Reading.DONE).tries
