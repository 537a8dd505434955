"""How long a silent node is waited for."""

from dataclasses import replace

from picegate.core.curve import DecodeRate, SpeedCurve
from picegate.core.plan import Pace
from picegate.planning.latency import EDGE_GUESS, PaceModel
from picegate.planning.patience import LEAST_S, Patience, patience

KNOWN = replace(EDGE_GUESS, doubt=0.0)
MOST = Patience(first_token_s=20.0, between_tokens_s=10.0)


def slower(pace: Pace, times: float) -> Pace:
    return Pace(pace.first_s * times, pace.prefill_s * times, pace.step_s * times, pace.slope_s * times)


def test_a_node_of_unknown_pace_has_all_the_time_that_the_operator_gives() -> None:
    assert patience(None, 8, 2_000, MOST) == MOST


def test_a_quick_node_is_not_waited_for_as_long_as_a_slow_one() -> None:
    quick = patience(KNOWN, 8, 2_000, MOST)
    assert LEAST_S < quick.between_tokens_s < quick.first_token_s < 10.0
    slow = patience(slower(KNOWN, 1.5), 8, 2_000, MOST)
    assert quick.first_token_s < slow.first_token_s
    assert quick.between_tokens_s < slow.between_tokens_s


def test_nobody_has_longer_than_the_operator_says() -> None:
    assert patience(slower(KNOWN, 30.0), 8, 2_000, MOST) == MOST


def test_a_network_may_take_a_moment_to_come_back() -> None:
    assert patience(slower(KNOWN, 0.01), 8, 2_000, MOST).between_tokens_s == LEAST_S


def test_a_long_prompt_may_be_read_for_longer() -> None:
    assert patience(KNOWN, 8, 8_000, MOST).first_token_s > patience(KNOWN, 8, 2_000, MOST).first_token_s


def doubtful(doubt: float) -> Pace:
    return replace(KNOWN, doubt=doubt)


def test_where_less_is_known_more_time_is_given() -> None:
    assert patience(doubtful(0.1), 8, 1_000, MOST).first_token_s > patience(KNOWN, 8, 1_000, MOST).first_token_s


def test_a_pace_that_is_only_told_or_has_been_wrong_shortens_nothing() -> None:
    told = SpeedCurve(decode=(DecodeRate(25.0, 0.0, "work", sequences=1),))
    model = PaceModel(EDGE_GUESS, told, 0.0)
    assert patience(model.pace(0.0), 8, 1_000, MOST) == MOST
    for _ in range(8):
        model.learn(0.0, batch=1, tokens=90, decode_s=3.6, first_token_s=0.3, prompt_tokens=200)
    assert patience(model.pace(0.0), 8, 1_000, MOST).first_token_s < MOST.first_token_s
