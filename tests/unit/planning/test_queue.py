"""Who goes first when the cloud is full."""

from hypothesis import given
from hypothesis import strategies as st

from picegate.core.chat import ServiceLevel
from picegate.planning.queue import PATIENCE_S, ticket, wait_s

TOKEN_S = 0.04


def test_of_two_that_come_together_the_short_one_goes_first() -> None:
    assert ticket(0, 1, 100, 0, TOKEN_S) > ticket(0, 2, 50, 0, TOKEN_S)


def test_what_is_urgent_goes_before_what_can_wait() -> None:
    urgent, flexible = PATIENCE_S[ServiceLevel.LATENCY], PATIENCE_S[ServiceLevel.COST]
    assert ticket(0, 1, 100, flexible, TOKEN_S) > ticket(5, 2, 100, urgent, TOKEN_S)


@given(st.floats(0, 1000), st.floats(1, 4000), st.floats(0, 60), st.floats(1, 4000))
def test_nobody_starves(now: float, tokens: float, patience_s: float, other: float) -> None:
    own = ticket(now, 1, tokens, patience_s, TOKEN_S)
    late = ticket(now + patience_s + tokens * TOKEN_S + 0.001, 2, other, 0, TOKEN_S)
    assert own < late


def test_equals_go_in_order_of_arrival() -> None:
    assert ticket(3, 1, None, 0, TOKEN_S) < ticket(3, 2, None, 0, TOKEN_S)


def test_the_wait_is_the_work_of_those_before() -> None:
    line = sorted(ticket(0, number, 100, 0, TOKEN_S) for number in range(4))
    short, long = ticket(0, 9, 10, 0, TOKEN_S), ticket(0, 9, 1000, 0, TOKEN_S)
    assert wait_s(line, short, TOKEN_S, 2) < wait_s(line, long, TOKEN_S, 2)
    assert wait_s(line, long, TOKEN_S, 2) - wait_s(line, short, TOKEN_S, 2) == 400 * TOKEN_S / 2
