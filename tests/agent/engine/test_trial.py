"""One measurement: its arithmetic on made-up times, and what it asks of an engine."""

import random
from itertools import count

import pytest

from edge_agent.engine import trial
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.trial import Written, together


def ticking() -> trial.Clock:
    """Half a second passes whenever somebody looks."""
    ticks = count()
    return lambda: next(ticks) / 2


def written(*times: float, tokens: int | None = None) -> Written:
    return Written(times, len(times) if tokens is None else tokens)


def test_answers_in_step_make_their_tokens_together() -> None:
    steps = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert together([written(*steps), written(*steps)]) == pytest.approx(20.0)


def test_what_was_written_before_all_had_begun_or_after_one_had_ended_is_not_counted() -> None:
    early = written(*(n / 10 for n in range(20)))  # 0.0 to 1.9, fast while it is alone
    late = written(*(1 + n / 4 for n in range(6)))  # 1.0 to 2.25
    assert together([early, late]) is None  # only three pieces of the second one fall between 1.0 and 1.9
    late = written(*(1 + n / 5 for n in range(6)))
    assert together([early, late]) == pytest.approx((9 + 4) / 0.9)


def test_pieces_of_several_tokens_count_as_many() -> None:
    assert together([written(0.0, 1.0, 2.0, 3.0, 4.0, tokens=15)]) == pytest.approx(3.0)


@pytest.mark.parametrize("times", [(5.0,), (5.0, 5.0, 5.0, 5.0, 5.0, 5.0), (0.0, 1.0)])
def test_answers_that_hardly_overlap_say_nothing(times: tuple[float, ...]) -> None:
    assert together([written(*times)]) is None


async def test_prefill_reads_a_prompt_that_nobody_has_seen() -> None:
    engine = FakeEngine()
    draw = random.Random(1)
    rates = [await trial.prefill(engine, draw, ticking()) for _ in range(2)]
    first, second = (job.messages[0]["content"] for job in engine.jobs)
    assert first[:20] != second[:20]
    assert len(first.split()) == trial.PROMPT_WORDS
    assert rates == pytest.approx([221.0, 220.0])  # of the second prompt, the role is held already; in a second each
    assert [(job.max_tokens, job.ignore_eos) for job in engine.jobs] == [(1, True)] * 2


async def test_prefill_keeps_within_a_short_context() -> None:
    engine = FakeEngine(context_tokens=160)
    assert await trial.prefill(engine, random.Random(), ticking()) is not None
    assert len(engine.jobs[0].messages[0]["content"].split()) == 40
    assert await trial.prefill(FakeEngine(context_tokens=64), random.Random(), ticking()) is None


async def test_decode_writes_so_many_answers_at_once_on_one_prompt() -> None:
    engine = FakeEngine(slots=4)
    rate = await trial.decode(engine, 4, ticking())
    assert rate == pytest.approx(2.0, rel=0.1)  # every token takes one look at the clock
    assert len(engine.jobs) == 4
    assert len({job.messages[0]["content"] for job in engine.jobs}) == 1
    assert len({job.seed for job in engine.jobs}) == 4
    assert {(job.max_tokens, job.ignore_eos) for job in engine.jobs} == {(trial.ANSWER_TOKENS, True)}


async def test_answers_that_cannot_run_at_once_are_no_measure() -> None:
    assert await trial.decode(FakeEngine(slots=1), 2, ticking()) is None


async def test_a_context_without_room_for_an_answer_is_no_measure() -> None:
    assert await trial.decode(FakeEngine(context_tokens=6), 1, ticking()) is None
