"""Playing schedules, here to the fake engine: in this process and in one of its own."""

from functools import partial
from pathlib import Path

import pytest

from edge_agent.bench import texts
from edge_agent.bench.ask import Ask
from edge_agent.bench.peers.backend import Backend, Setup
from edge_agent.bench.peers.ours import Ours
from edge_agent.bench.play import play
from edge_agent.bench.process import Side, SideFailed

SETUP = Setup(Path("no-model"), threads=1, context_tokens=1024, slots=4)


def fake() -> Backend:
    return Ours(SETUP, "fake")


def broken() -> Backend:
    raise RuntimeError("no such library")


async def test_every_ask_is_answered_in_the_schedules_order() -> None:
    backend = fake()
    await backend.open()
    seen = await play(backend, texts.points(6, 5, "Amber 12345"))
    assert [answer.tokens for answer in seen.answers] == [5] * 6
    assert seen.total_s == max(answer.end_s for answer in seen.answers)
    assert seen.rate > 0
    assert seen.work is None


async def test_an_arrival_in_the_future_waits_and_its_times_count_from_then() -> None:
    seen = await play(fake(), [Ask("Be brief.", "Hello?", 3), Ask("Be brief.", "Hello again?", 3, at_s=0.05)])
    late = seen.answers[1]
    assert late.end_s >= 0.05
    assert abs(late.end_s - 0.05 - late.last_s) < 1e-6


async def test_a_side_that_cannot_be_primed_refuses() -> None:
    with pytest.raises(NotImplementedError):
        await play(fake(), texts.points(2, 3, "Amber 12345"), primed=True)


def test_a_side_lives_in_its_own_process_and_answers_from_there(tmp_path: Path) -> None:
    with Side("fake", fake, tmp_path / "log") as side:
        assert side.build == "fake, 4 slots of 1024 tokens"
        seen = side.run(texts.questions(3, 4, None))
        assert [answer.tokens for answer in seen.answers] == [4, 4, 4]
        assert side.ask("slots") == 4


def test_a_side_that_breaks_says_why(tmp_path: Path) -> None:
    with pytest.raises(SideFailed, match="no such library"), Side("peer", partial(broken), tmp_path / "log"):
        pass
