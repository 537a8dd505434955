"""The pure engine model: exact step times, slots, memory, order, shared prefixes, cancelling."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.testbed.emulated.engine import Engine, Progress, Sequence
from picegate.testbed.emulated.profile import EngineProfile


def profile(**changes: object) -> EngineProfile:
    fields: dict[str, object] = {
        "base_ms": 30.0,
        "per_sequence_ms": 2.0,
        "slots": 4,
        "prefill_tokens_per_s": 1000.0,
        "kv_tokens": 10_000,
        "context_tokens": 4_000,
        "prefill_chunk": 256,
        "block": 1,
    }
    return EngineProfile(**{**fields, **changes})  # type: ignore[arg-type]


def prompt(length: int, start: int = 0) -> list[int]:
    return list(range(start, start + length))


def run(engine: Engine) -> list[Progress]:
    """Everything until the engine is idle."""
    happened: list[Progress] = []
    while engine.ends is not None:
        happened += engine.advance(engine.ends)
    return happened


def test_a_lone_sequence_reads_its_prompt_and_then_writes_a_token_every_step() -> None:
    engine = Engine(profile())
    sequence = Sequence(prompt(100), new_tokens=3)
    engine.submit(sequence, now=5.0)
    assert [round(progress.at, 6) for progress in run(engine)] == [5.1, 5.132, 5.164]
    assert sequence.done
    assert engine.ends is None


def test_a_step_takes_longer_by_each_sequence_that_writes_in_it_and_by_the_prompt_read_beside_it() -> None:
    engine = Engine(profile(shares_prefixes=False))
    engine.submit(Sequence(prompt(100), new_tokens=10), now=0.0)
    engine.advance(0.1)
    engine.submit(Sequence(prompt(50, 500), new_tokens=10), now=0.11)
    engine.advance(engine.ends or 0.0)  # the step under way had begun without it
    assert engine.ends == pytest.approx(0.132 + 0.032 + 0.050)
    engine.advance(engine.ends or 0.0)
    assert engine.ends == pytest.approx(0.214 + 0.034)


def test_a_long_prompt_is_read_in_pieces_between_which_others_write() -> None:
    engine = Engine(profile(prefill_chunk=100))
    first, second = Sequence(prompt(10), 50), Sequence(prompt(250, 1000), 1)
    engine.submit(first, 0.0)
    engine.advance(0.01)
    engine.submit(second, 0.011)
    written = [progress.sequence for progress in run(engine)]
    assert written.index(second) == 4  # the step under way, then three pieces beside which the first writes


def test_the_same_prompt_is_read_once_however_many_ask_at_once() -> None:
    engine = Engine(profile(slots=8))
    for number in range(8):
        engine.submit(Sequence([*prompt(200), 1000 + number], new_tokens=2), now=0.0)
    run(engine)
    assert engine.work.read == 201 + 7
    assert engine.work.cached == 7 * 200


def test_without_sharing_every_prompt_is_read_whole() -> None:
    engine = Engine(profile(shares_prefixes=False))
    for _ in range(3):
        engine.submit(Sequence(prompt(100), new_tokens=1), now=0.0)
    run(engine)
    assert engine.work.read == 300


def test_whole_blocks_are_shared_and_the_last_token_is_always_read() -> None:
    engine = Engine(profile(block=16))
    for length in (32, 32, 40):
        sequence = Sequence(prompt(length), new_tokens=1)
        engine.submit(sequence, now=engine.ends or 0.0)
        run(engine)
    assert engine.work.read == 32 + 16 + 8


def test_warming_reads_and_writes_nothing() -> None:
    engine = Engine(profile())
    engine.submit(Sequence(prompt(100), new_tokens=0), now=0.0)
    assert [progress.at for progress in run(engine)] == [pytest.approx(0.1)]
    later = Sequence(prompt(120), new_tokens=1)
    engine.submit(later, now=1.0)
    assert [progress.at for progress in run(engine)] == [pytest.approx(1.02)]
    assert later.cached == 100


def test_a_cancelled_sequence_gives_its_slot_to_the_next_when_the_step_ends() -> None:
    engine = Engine(profile(slots=1))
    first, second = Sequence(prompt(10), 100), Sequence(prompt(10, 50), 1)
    engine.submit(first, 0.0)
    engine.submit(second, 0.0)
    engine.advance(0.01)
    engine.cancel(first)
    assert engine.ends == pytest.approx(0.042)
    assert [progress.sequence for progress in run(engine)] == [second]
    assert engine.work.cancelled == 1


def test_a_sequence_cancelled_while_its_prompt_is_read_leaves_no_prefix_behind() -> None:
    engine = Engine(profile(prefill_chunk=50))
    first, second = Sequence(prompt(100), 5), Sequence(prompt(100), 1)
    engine.submit(first, 0.0)
    engine.submit(second, 0.0)
    engine.cancel(first)
    run(engine)
    assert second.cached == 0


def test_memory_holds_up_who_does_not_fit_and_everyone_behind() -> None:
    engine = Engine(profile(kv_tokens=300, shares_prefixes=False))
    for start in (0, 1000, 2000):
        engine.submit(Sequence(prompt(100, start), new_tokens=60), now=0.0)
    engine.advance(0.1)
    assert len(engine.live) == 1
    assert len(engine.queue) == 2
    run(engine)
    assert engine.work.finished == 3


def test_what_could_never_fit_is_refused() -> None:
    engine = Engine(profile(context_tokens=100))
    with pytest.raises(ValueError, match="longer than the context"):
        engine.submit(Sequence(prompt(90), new_tokens=20), now=0.0)
    with pytest.raises(ValueError, match="empty"):
        engine.submit(Sequence([], new_tokens=20), now=0.0)


def test_a_slow_engine_takes_so_many_times_as_long() -> None:
    engine = Engine(profile())
    engine.slowness = 3.0
    engine.submit(Sequence(prompt(100), new_tokens=2), now=0.0)
    assert [progress.at for progress in run(engine)] == [pytest.approx(0.3), pytest.approx(0.396)]


def test_however_late_it_is_asked_the_steps_lie_where_they_belong() -> None:
    prompt_late, late = Engine(profile()), Engine(profile())
    for engine in (prompt_late, late):
        engine.submit(Sequence(prompt(100), new_tokens=20), now=0.0)
    assert [p.at for p in run(prompt_late)] == [p.at for p in late.advance(1000.0)]


arrivals = st.lists(
    st.tuples(st.floats(0, 3), st.integers(1, 120), st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=25
)


@given(arrivals, st.integers(1, 5), st.sampled_from([1, 8]))
def test_any_load_is_served_in_order_within_the_slots_and_without_idling(
    asked: list[tuple[float, int, int, int]], slots: int, block: int
) -> None:
    """No more sequences than slots, memory never overdrawn, every answer whole, no step missing while work waits."""
    engine = Engine(profile(slots=slots, kv_tokens=400, block=block))
    sequences: list[Sequence] = []
    for at, length, family, tokens in sorted(asked):
        while engine.ends is not None and engine.ends <= at:
            engine.advance(engine.ends)
            check(engine, slots)
        sequence = Sequence(prompt(length, family * 1000), tokens)
        sequences.append(sequence)
        engine.submit(sequence, at)
        check(engine, slots)
    while engine.ends is not None:
        engine.advance(engine.ends)
        check(engine, slots)
    assert all(sequence.done and sequence.written == sequence.new_tokens for sequence in sequences)
    assert engine.work.finished == len(sequences)
    assert engine.work.written == sum(sequence.new_tokens for sequence in sequences)
    assert engine.work.read + engine.work.cached == sum(len(sequence.prompt) for sequence in sequences)
    assert math.isfinite(engine.work.busy_s)


def check(engine: Engine, slots: int) -> None:
    assert len(engine.live) <= slots
    assert engine.reserved <= 400
    waiting = bool(engine.queue) or any(not sequence.done for sequence in engine.live)
    assert engine.ends is not None or not waiting
