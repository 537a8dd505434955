"""Whether the cloud seems to be there."""

from picegate.clients.pulse import Pulse


def test_it_is_down_for_a_while_after_misses_in_a_row_and_at_once_when_the_try_fails() -> None:
    now = 100.0
    pulse = Pulse(misses=2, down_s=5, clock=lambda: now)
    pulse.missed()
    assert pulse.up
    pulse.missed()
    assert not pulse.up
    now += 5
    assert pulse.up
    pulse.missed()
    assert not pulse.up


def test_a_call_that_arrives_ends_the_count() -> None:
    pulse = Pulse(misses=2, clock=lambda: 0.0)
    for _ in range(5):
        pulse.missed()
        pulse.beat()
        assert pulse.up
