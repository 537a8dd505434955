"""The arithmetic of a link."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.testbed.emulated.link import Link
from picegate.testbed.emulated.profile import LinkProfile


def link(**fields: float) -> Link:
    return Link(LinkProfile(**{"rtt_ms": 40.0, **fields}), Random(1))


def test_a_message_takes_half_a_round_trip() -> None:
    assert link().arrival(10.0, 1_000) == pytest.approx(10.02)


def test_bandwidth_makes_those_behind_wait() -> None:
    narrow = link(mbit_s=0.8)  # 100,000 bytes a second
    assert narrow.arrival(0.0, 10_000) == pytest.approx(0.12)
    assert narrow.arrival(0.05, 10_000) == pytest.approx(0.22)
    assert narrow.arrival(5.0, 10_000) == pytest.approx(5.12)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5_000)), max_size=50), st.integers())
def test_jitter_delays_within_its_bound_and_nothing_overtakes(sent: list[tuple[float, int]], seed: int) -> None:
    jittery = Link(LinkProfile(rtt_ms=10.0, jitter_ms=5.0), Random(seed))
    last = 0.0
    for at, size in sorted(sent):
        arrived = jittery.arrival(at, size)
        assert arrived > last
        assert at + 0.005 <= arrived <= at + 0.010 + 1e-4
        last = arrived
