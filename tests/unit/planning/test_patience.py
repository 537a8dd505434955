"""How long a silent node is waited for."""

from picegate.core.plan import Pace
from picegate.planning.latency import EDGE_GUESS
from picegate.planning.patience import LEAST_S, Patience, patience

MOST = Patience(first_token_s=20.0, between_tokens_s=10.0)


def slower(pace: Pace, times: float) -> Pace:
    return Pace(pace.first_s * times, pace.prefill_s * times, pace.step_s * times, pace.slope_s * times)


def test_a_node_of_unknown_pace_has_all_the_time_that_the_operator_gives() -> None:
    assert patience(None, 8, 2_000, MOST) == MOST


def test_a_quick_node_is_not_waited_for_as_long_as_a_slow_one() -> None:
    quick = patience(EDGE_GUESS, 8, 2_000, MOST)
    assert LEAST_S < quick.between_tokens_s < quick.first_token_s < 10.0
    slow = patience(slower(EDGE_GUESS, 1.5), 8, 2_000, MOST)
    assert quick.first_token_s < slow.first_token_s
    assert quick.between_tokens_s < slow.between_tokens_s


def test_nobody_has_longer_than_the_operator_says() -> None:
    assert patience(slower(EDGE_GUESS, 30.0), 8, 2_000, MOST) == MOST


def test_a_network_may_take_a_moment_to_come_back() -> None:
    assert patience(slower(EDGE_GUESS, 0.01), 8, 2_000, MOST).between_tokens_s == LEAST_S


def test_a_long_prompt_may_be_read_for_longer() -> None:
    assert patience(EDGE_GUESS, 8, 8_000, MOST).first_token_s > patience(EDGE_GUESS, 8, 2_000, MOST).first_token_s


def test_where_little_is_known_more_time_is_given() -> None:
    doubtful = Pace(EDGE_GUESS.first_s, EDGE_GUESS.prefill_s, EDGE_GUESS.step_s, EDGE_GUESS.slope_s, doubt=0.5)
    assert patience(doubtful, 8, 1_000, MOST).first_token_s > patience(EDGE_GUESS, 8, 1_000, MOST).first_token_s
