"""How many legs a stretch of the answer is worth, by the predicted finish and the price of one leg's beginning."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from picegate.core.plan import NodeView, Pace
from picegate.planning.prices import Market
from picegate.planning.sizing import LEAST_PART_WORDS, MOST_PARTS, Moment, parts, shared
from picegate.planning.survey import survey

PACE = Pace(0.1, 1 / 900, 0.04, 0.003)
IDLE = Market(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def moment(*, nodes: int = 4, slots: int = 8, free: int | None = None, price: float = 0.0, pace: Pace = PACE) -> Moment:
    """A fleet with so many free slots in all."""
    left = nodes * slots if free is None else free
    views = []
    for number in range(nodes):
        own = min(slots, left)
        left -= own
        views.append(NodeView(str(number), str(number), "http://n/v1", "m", slots, own, pace=pace))
    seen = survey(views, 0)
    return Moment(seen, replace(IDLE, edge_price=price), seen.free, prompt_tokens=300.0)


def test_a_long_point_is_cut_while_slots_are_free() -> None:
    size = parts(240, 180, 5, moment())
    assert size.legs > 1
    assert size.gain_s > size.price_s > 0
    assert size.why == "sooner"


def test_a_point_of_the_usual_length_stays_whole() -> None:
    assert parts(80, 60, 5, moment()).why == "short"
    assert parts(240, 180, 1, moment()).why == "inseparable"


def test_without_two_free_slots_nothing_is_cut() -> None:
    assert parts(240, 180, 5, moment(free=1)).why == "no_slots"
    assert parts(240, 180, 5, moment(free=2)).legs == 2


def test_where_the_rest_takes_longer_anyway_nothing_is_cut() -> None:
    assert parts(240, 180, 5, replace(moment(), rest_s=30.0)).why == "no_gain"
    part_of_it = parts(240, 180, 5, replace(moment(), rest_s=5.0))
    assert 0 < part_of_it.gain_s < parts(240, 180, 5, moment()).gain_s


def test_the_price_of_the_edge_keeps_points_whole() -> None:
    assert parts(240, 180, 5, moment(price=0.5)).legs == 1


def test_prompts_that_take_long_to_read_keep_points_whole_unless_they_were_read() -> None:
    slow = moment(pace=Pace(0.1, 1 / 30, 0.04, 0.003), price=0.01)
    assert parts(160, 120, 2, slow).legs == 1
    assert parts(160, 120, 2, replace(slow, warmed=True)).legs == 2


@given(st.integers(1, 400), st.integers(1, 12), st.integers(0, 32), st.floats(0, 1), st.floats(0, 60))
def test_parts_never_exceed_what_there_is(words: int, separable: int, free: int, price: float, rest_s: float) -> None:
    at = replace(moment(free=free, price=price), rest_s=rest_s)
    legs = parts(1.35 * words, words, separable, at).legs
    assert 1 <= legs <= max(1, min(separable, free, MOST_PARTS, words // LEAST_PART_WORDS))


def test_short_points_share_a_leg_where_the_next_slot_is_far() -> None:
    size = shared(27, 27, moment(nodes=1, slots=1, free=0))
    assert (size.legs, size.why) == (1, "slots_scarce")
    assert size.gain_s > 0


def test_points_do_not_share_a_leg_while_a_slot_is_free() -> None:
    assert shared(27, 27, moment(nodes=1, slots=2, free=1)).why == "slots_free"
    assert shared(27, 27, moment(nodes=0)).why == "slots_free"


def test_where_many_slots_come_free_soon_each_point_waits_for_its_own() -> None:
    size = shared(27, 27, moment(nodes=8, free=0))
    assert (size.legs, size.why) == (2, "sooner")
    assert size.gain_s > 0


def test_under_load_a_beginning_that_is_spared_is_worth_a_little_delay() -> None:
    full = moment(nodes=2, free=0)
    assert shared(27, 27, full).legs == 2
    assert shared(27, 27, replace(full, market=replace(IDLE, edge_price=0.03))).legs == 1


def test_a_point_for_which_no_slot_is_left_by_those_before_it_may_share() -> None:
    spoken_for = replace(moment(nodes=1, slots=2, free=1), free=0)
    assert shared(10, 20, spoken_for).legs == 1
