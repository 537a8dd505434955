"""Calibration, on an agent whose timing is known: an emulated one, on a virtual clock."""

import pytest

from picegate.core.errors import ConfigError
from picegate.testbed.bench.calibrate import Agent, Agreement, Measured, agent_at, agree, line, measure
from picegate.testbed.emulated.author import Author
from picegate.testbed.emulated.clock import run_virtual
from picegate.testbed.emulated.profile import EngineProfile, LinkProfile, Profile
from picegate.testbed.emulated.questions import Question, Questions
from picegate.testbed.emulated.server import EmulatedServer

KNOWN = EngineProfile(12.0, 3.0, 4, 500.0, 16_000, 4_000, prefill_chunk=128, block=1)


def test_a_line_is_fitted_and_never_falls() -> None:
    assert line([(1, 15.0), (2, 18.0), (4, 24.0)]) == (pytest.approx(12.0), pytest.approx(3.0))
    base, slope = line([(1, 20.0), (2, 20.0), (4, 20.0)])
    assert (base, slope) == (pytest.approx(20.0, abs=0.01), 1e-3)


def test_what_is_known_of_an_agent_is_measured_and_its_emulation_agrees() -> None:
    async def calibrate() -> tuple[Measured, Agreement]:
        author = Author(Questions([Question("none", "generic", "", 400, 400)]), is_cloud=False)
        device = Profile("known", "known", "edge", KNOWN, LinkProfile(rtt_ms=0.0))
        async with EmulatedServer("known", device, author) as server:
            agent = Agent(server.root, "known")
            found = await measure(agent, 4)
            return found, await agree(agent, found.profile(4))

    measured, agreement = run_virtual(calibrate())
    assert measured.base_ms == pytest.approx(12.0, rel=0.15)
    assert measured.per_sequence_ms == pytest.approx(3.0, rel=0.15)
    assert measured.prefill_tokens_per_s == pytest.approx(500.0, rel=0.15)
    assert agreement.holds


def test_too_large_a_difference_is_none() -> None:
    assert not Agreement((1.0, 2.0, 10.0), (1.2, 2.0, 10.0)).holds


def test_where_nobody_answers_is_said() -> None:
    with pytest.raises(ConfigError, match=r"no agent answers at http://127\.0\.0\.1:9"):
        agent_at("http://127.0.0.1:9")
