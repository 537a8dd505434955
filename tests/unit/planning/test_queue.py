"""Who goes first when the cloud is full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.chat import ServiceLevel
from picegate.planning.queue import PATIENCE_S, Hold, HoldModel, Ticket, wait_s
from picegate.planning.queue import ticket as ticket_of

TOKEN_S = 0.04
HOLD = Hold(0.0, TOKEN_S)


def ticket(now: float, number: int, tokens: float | None, patience_s: float, most_s: float = 1000.0) -> Ticket:
    return ticket_of(now, number, tokens, patience_s, HOLD, most_s)


def test_of_two_that_come_together_the_short_one_goes_first() -> None:
    assert ticket(0, 1, 100, 0) > ticket(0, 2, 50, 0)


def test_what_is_urgent_goes_before_what_can_wait() -> None:
    urgent, flexible = PATIENCE_S[ServiceLevel.LATENCY], PATIENCE_S[ServiceLevel.COST]
    assert ticket(0, 1, 100, flexible) > ticket(5, 2, 100, urgent)


@given(st.floats(0, 1000), st.floats(1, 4000), st.floats(0, 60), st.floats(1, 4000))
def test_nobody_starves(now: float, tokens: float, patience_s: float, other: float) -> None:
    own = ticket(now, 1, tokens, patience_s)
    late = ticket(now + patience_s + tokens * TOKEN_S + 0.001, 2, other, 0)
    assert own < late


@given(st.floats(1, 20_000), st.floats(0, 60), st.floats(1, 60))
def test_nobody_yields_for_as_long_as_it_may_wait(tokens: float, patience_s: float, most_s: float) -> None:
    own = ticket(0, 1, tokens, patience_s, most_s)
    assert own < ticket(0.51 * most_s, 2, 1, 0, most_s)


def test_equals_go_in_order_of_arrival() -> None:
    assert ticket(3, 1, None, 0) < ticket(3, 2, None, 0)


def test_the_wait_is_the_work_of_those_before() -> None:
    line = sorted(ticket(0, number, 100, 0) for number in range(4))
    short, long = ticket(0, 9, 10, 0), ticket(0, 9, 1000, 0)
    assert wait_s(line, short, HOLD, 2) < wait_s(line, long, HOLD, 2)
    assert wait_s(line, long, HOLD, 2) - wait_s(line, short, HOLD, 2) == pytest.approx(400 * TOKEN_S / 2)


def learnt(*calls: tuple[float, float], times: int = 50) -> Hold:
    model = HoldModel()
    for _ in range(times):
        for tokens, held_s in calls:
            model.learn(tokens, held_s)
    return model.hold


def test_how_long_a_place_is_held_is_learnt_from_calls_of_all_lengths() -> None:
    hold = learnt((20, 0.8), (400, 12.2), (1500, 45.2))  # 0.2 s, and 30 ms a token
    assert hold.of(340) == pytest.approx(10.4, rel=0.05)
    assert hold.of(1) == pytest.approx(0.23, abs=0.3)


def test_many_short_calls_do_not_make_a_long_one_seem_endless() -> None:
    assert learnt((1, 0.45)).of(340) == pytest.approx(0.45 + 339 * 0.03, rel=0.1)


def test_calls_of_one_length_tell_what_such_a_call_takes() -> None:
    assert learnt((340, 25.0)).of(340) == pytest.approx(25.0, rel=0.02)
    assert learnt((340, 1.0)).of(340) == pytest.approx(1.0, rel=0.05)


@given(st.lists(st.tuples(st.floats(1, 16_000), st.floats(0, 600)), max_size=50), st.floats(1, 16_000))
def test_no_call_holds_a_place_for_less_than_no_time(calls: list[tuple[float, float]], tokens: float) -> None:
    assert learnt(*calls, times=1).of(tokens) >= -1e-6
