"""The rate limit of a key."""

import pytest

from picegate.access.limits import SWEEP_AT, RateLimiter
from picegate.core.errors import RateLimited


def test_a_minutes_worth_may_come_at_once_and_no_more() -> None:
    limiter = RateLimiter(3)
    for _ in range(3):
        limiter.take("a", 10.0)
    with pytest.raises(RateLimited) as caught:
        limiter.take("a", 10.0)
    assert caught.value.retry_after_s == pytest.approx(20.0)
    assert "3 requests per minute" in caught.value.message


def test_waiting_as_long_as_told_is_long_enough() -> None:
    limiter = RateLimiter(7)
    now = 5.0
    for _ in range(7):
        limiter.take("a", now)
    for _ in range(20):
        with pytest.raises(RateLimited) as caught:
            limiter.take("a", now)
        now += caught.value.retry_after_s
        limiter.take("a", now)


def test_a_refused_request_costs_nothing() -> None:
    limiter = RateLimiter(1)
    limiter.take("a", 0.0)
    for _ in range(5):
        with pytest.raises(RateLimited):
            limiter.take("a", 30.0)
    limiter.take("a", 60.0)


def test_keys_do_not_spend_each_others_requests() -> None:
    limiter = RateLimiter(1)
    limiter.take("a", 0.0)
    limiter.take("b", 0.0)


def test_an_idle_hour_saves_up_no_more_than_a_minutes_worth() -> None:
    limiter = RateLimiter(2)
    limiter.take("a", 0.0)
    for _ in range(2):
        limiter.take("a", 3600.0)
    with pytest.raises(RateLimited):
        limiter.take("a", 3600.0)


@pytest.mark.parametrize("per_minute", [1, 3, 7, 59, 60, 61, 997])
def test_the_last_request_of_the_minutes_worth_is_never_lost_to_rounding(per_minute: int) -> None:
    limiter = RateLimiter(per_minute)
    for _ in range(per_minute):
        limiter.take("a", 123456.789)
    with pytest.raises(RateLimited):
        limiter.take("a", 123456.789)


def test_without_a_limit_everything_passes() -> None:
    limiter = RateLimiter(None)
    for _ in range(10_000):
        limiter.take("a", 0.0)


def test_keys_that_have_been_quiet_are_forgotten() -> None:
    limiter = RateLimiter(60)
    for number in range(SWEEP_AT):
        limiter.take(f"old-{number}", 0.0)
    for number in range(SWEEP_AT):
        limiter.take(f"new-{number}", 1000.0)
    assert len(limiter._full_at) <= SWEEP_AT
