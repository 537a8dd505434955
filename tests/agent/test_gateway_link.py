"""What the link to the gateway decides without a gateway."""

import pytest

from edge_agent.gateway import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, backoff_s, own_address


def test_waiting_doubles_up_to_a_limit() -> None:
    waits = [backoff_s(attempt, 0.5) for attempt in range(12)]
    assert waits[1] == pytest.approx(2 * waits[0])
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_BACKOFF_S


@pytest.mark.parametrize("attempt", [0, 5, 10_000])
def test_chance_spreads_the_waits_over_half_of_them(attempt: int) -> None:
    shortest, longest = backoff_s(attempt, 0.0), backoff_s(attempt, 0.999)
    assert shortest >= FIRST_BACKOFF_S / 2
    assert shortest < longest < 2.001 * shortest


def test_the_own_address_is_the_one_on_the_way_to_the_gateway() -> None:
    assert own_address("http://127.0.0.1:8080") == "127.0.0.1"
