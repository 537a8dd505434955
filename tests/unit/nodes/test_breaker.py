"""The circuit breaker."""

from picegate.nodes.breaker import Breaker, Circuit


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(failures_to_open=3, open_s=10)
    breaker.record(False, 0)
    breaker.record(False, 1)
    breaker.record(True, 2)
    breaker.record(False, 3)
    breaker.record(False, 4)
    assert breaker.state(4) is Circuit.CLOSED
    breaker.record(False, 5)
    assert breaker.state(5) is Circuit.OPEN
    assert breaker.opens_again_s(5) == 10


def test_it_lets_a_try_through_when_its_time_is_over() -> None:
    breaker = Breaker(1, 10)
    breaker.record(False, 0)
    assert breaker.state(9.9) is Circuit.OPEN
    assert breaker.state(10) is Circuit.HALF_OPEN
    assert breaker.opens_again_s(10) is None


def test_one_more_failure_opens_it_again() -> None:
    breaker = Breaker(3, 10)
    for now in range(3):
        breaker.record(False, now)
    breaker.record(False, 15)
    assert breaker.state(34) is Circuit.OPEN
    assert breaker.state(35) is Circuit.HALF_OPEN


def test_what_stays_broken_is_tried_less_and_less_often() -> None:
    breaker = Breaker(1, 10)
    now, waits = 0.0, []
    for _ in range(6):
        breaker.record(False, now)
        waits.append(breaker.opens_again_s(now))
        now += waits[-1] or 0.0
    assert waits == [10, 20, 40, 80, 80, 80]
    breaker.record(True, now)
    breaker.record(False, now)
    assert breaker.opens_again_s(now) == 10


def test_calls_that_fail_while_it_is_open_do_not_make_it_longer() -> None:
    breaker = Breaker(1, 10)
    for now in range(5):
        breaker.record(False, now)
    assert breaker.opens_again_s(4) == 10


def test_a_success_closes_it() -> None:
    breaker = Breaker(2, 10)
    breaker.record(False, 0)
    breaker.record(False, 0)
    breaker.record(True, 10)
    assert breaker.state(10) is Circuit.CLOSED
    breaker.record(False, 11)
    assert breaker.state(11) is Circuit.CLOSED
