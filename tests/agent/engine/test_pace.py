"""The curve and how it is learnt: every time and every rate here is made up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.engine.pace import DECODE_HALF_LIFE, DEEPEST_DIP, MIN_DECODED, MIN_PREFILLED, Pace, Source, sizes

HALF_LIFE = round(DECODE_HALF_LIFE)


def decode(pace: Pace) -> dict[int, float]:
    return {count: rate.tokens_per_s for count, rate in pace.curve().decode}


def measured(*rates: float, slots: int = 8) -> Pace:
    """A pace whose first sizes were measured."""
    pace = Pace(slots)
    for size, rate in zip(pace.sizes, rates, strict=False):
        pace.tested_decode(size, rate, now=0.0)
    return pace


@pytest.mark.parametrize(
    ("slots", "wanted"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (8, (1, 2, 4, 8)), (12, (1, 2, 4, 8, 12))],
)
def test_sizes_double_as_far_as_there_are_slots_and_end_with_all_of_them(slots: int, wanted: tuple[int, ...]) -> None:
    assert sizes(slots) == wanted


def test_nothing_is_known_at_first() -> None:
    assert not Pace(4).curve()


def test_a_self_test_replaces_what_was_believed() -> None:
    pace = measured(20.0, 38.0)
    pace.tested_prefill(250.0, now=3.0)
    pace.tested_decode(1, 21.0, now=4.0)
    curve = pace.curve()
    assert curve.prefill is not None
    assert (curve.prefill.tokens_per_s, curve.prefill.at, curve.prefill.source) == (250.0, 3.0, Source.SELF_TEST)
    assert decode(pace) == {1: 21.0, 2: 38.0}


def test_real_work_of_a_half_life_moves_the_rate_half_the_way_by_factors() -> None:
    pace = measured(16.0)
    pace.worked_decode(HALF_LIFE, HALF_LIFE / 4.0, running=1.0, now=9.0)
    assert decode(pace)[1] == pytest.approx(8.0)  # halfway from 16 to 4
    assert pace.curve().decode[0][1].source is Source.WORK
    assert pace.curve().decode[0][1].at == 9.0


def test_a_long_answer_says_more_than_a_short_one() -> None:
    short, long = measured(20.0), measured(20.0)
    short.worked_decode(10, 1.0, running=1.0, now=1.0)
    long.worked_decode(500, 50.0, running=1.0, now=1.0)
    assert 10 < decode(long)[1] < decode(short)[1] < 20


def test_the_rate_of_all_together_is_learnt_from_one_answers_share() -> None:
    pace = Pace(4)
    pace.worked_decode(100, 10.0, running=4.0, now=1.0)
    assert decode(pace) == {4: pytest.approx(40.0)}


def test_an_answer_between_two_sizes_moves_both_as_near_as_it_was() -> None:
    pace = measured(20.0, 36.0, 60.0)
    pace.worked_decode(100, 100 * 2.5 / 45.0, running=2.5, now=1.0)  # the curve says 42 there
    after = decode(pace)
    assert after[1] == 20.0
    assert 36.0 < after[2] < 36.0 * 45 / 42
    assert 60.0 < after[4] < 60.0 * 45 / 42
    assert after[2] / 36.0 > after[4] / 60.0


def test_what_the_curve_says_already_changes_nothing() -> None:
    pace = measured(20.0, 36.0, 60.0)
    pace.worked_decode(500, 500 * 3 / 48.0, running=3.0, now=1.0)
    assert decode(pace) == pytest.approx({1: 20.0, 2: 36.0, 4: 60.0})


def test_a_size_is_begun_with_the_least_that_a_nearby_answer_shows() -> None:
    pace = Pace(4)
    pace.worked_decode(100, 10.0, running=3.0, now=1.0)  # 30 tokens/s together
    assert decode(pace) == {2: pytest.approx(20.0), 4: pytest.approx(30.0)}


def test_sequences_do_not_get_faster_by_company() -> None:
    pace = measured(10.0)
    pace.tested_decode(2, 30.0, now=1.0)
    assert decode(pace) == {1: 15.0, 2: 30.0}


def test_a_machine_that_slows_down_is_believed_at_every_size() -> None:
    pace = measured(20.0, 38.0, 70.0)
    pace.tested_decode(1, 5.0, now=1.0)
    assert decode(pace) == {1: 5.0, 2: 10.0, 4: 20.0}


def test_a_small_dip_is_kept_and_a_deep_one_is_filled() -> None:
    assert decode(measured(20.0, 18.0)) == {1: 20.0, 2: 18.0}
    pace = measured(20.0, 38.0)
    pace.tested_decode(1, 100.0, now=1.0)
    assert decode(pace)[2] == pytest.approx(100.0 * DEEPEST_DIP)


@pytest.mark.parametrize(
    ("tokens", "seconds"),
    [(MIN_DECODED - 1, 1.0), (100, 0.0), (100, -1.0), (100, 1e-300), (100, math.inf), (100, math.nan)],
)
def test_very_short_answers_and_broken_clocks_say_nothing(tokens: int, seconds: float) -> None:
    pace = Pace(4)
    pace.worked_decode(tokens, seconds, running=1.0, now=1.0)
    pace.worked_prefill(min(tokens, MIN_PREFILLED - 1) if seconds == 1.0 else tokens, seconds, now=1.0)
    pace.tested_decode(1, math.inf, now=1.0)
    pace.tested_prefill(math.nan, now=1.0)
    assert not pace.curve()


def test_prefill_is_learnt_from_work_too() -> None:
    pace = Pace(1)
    pace.worked_prefill(300, 1.0, now=1.0)
    pace.worked_prefill(300, 2.0, now=2.0)
    prefill = pace.curve().prefill
    assert prefill is not None
    assert 150 < prefill.tokens_per_s < 300
    assert (prefill.at, prefill.source) == (2.0, Source.WORK)


seconds = st.floats(0.0, 1e6)
answers = st.tuples(st.integers(0, 5000), seconds, st.floats(0.0, 40.0))


@given(st.integers(1, 40), st.lists(st.one_of(answers, st.floats(0.0, 1e12))))
def test_whatever_is_seen_the_curve_is_sane(slots: int, seen: list[tuple[int, float, float] | float]) -> None:
    pace = Pace(slots)
    for number, event in enumerate(seen):
        if isinstance(event, float):
            pace.tested_decode(pace.sizes[number % len(pace.sizes)], event, now=number)
        else:
            pace.worked_decode(*event, now=number)
            pace.worked_prefill(event[0], event[1], now=number)
    rates = decode(pace)
    assert set(rates) <= set(pace.sizes)
    assert all(math.isfinite(rate) and rate > 0 for rate in rates.values())
    for (few, slow), (many, fast) in zip(list(rates.items()), list(rates.items())[1:], strict=False):
        assert fast / many <= slow / few * (1 + 1e-9), "nobody is faster in more company"
        assert fast >= slow * DEEPEST_DIP * (1 - 1e-9)


@given(st.lists(answers.filter(lambda a: a[0] >= MIN_DECODED and a[1] > 0.001), min_size=1))
def test_at_one_slot_the_rate_stays_between_the_slowest_and_the_fastest_seen(
    seen: list[tuple[int, float, float]],
) -> None:
    pace = Pace(1)
    for tokens, spent, running in seen:
        pace.worked_decode(tokens, spent, running, now=0.0)
    rates = [tokens / spent for tokens, spent, _ in seen]
    assert min(rates) * (1 - 1e-9) <= decode(pace)[1] <= max(rates) * (1 + 1e-9)
