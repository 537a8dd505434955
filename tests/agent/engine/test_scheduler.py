"""Who is decoded when, and what every sequence sees, on a backend of bookkeeping alone."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.engine.scheduler import Limits, Scheduler
from edge_agent.engine.sequence import Phase, Sequence, Urgency
from tests.agent.engine.memory import Memory, next_token


def step(scheduler: Scheduler, memory: Memory) -> int:
    batch = scheduler.next()
    scheduler.commit(batch, memory.decode(batch))
    return batch.tokens


def finish(scheduler: Scheduler, memory: Memory) -> None:
    for _ in range(10_000):
        if not scheduler.has_work:
            return
        step(scheduler, memory)
    raise AssertionError("it never ends")


def alone(prompt: list[int], limit: int) -> list[int]:
    seen = list(prompt)
    for _ in range(limit):
        seen.append(next_token(seen))
    return seen[len(prompt) :]


BEGINNINGS = [[1] * 40, [1] * 20 + [2] * 20, [3] * 5]
prompts = st.builds(
    lambda head, tail: head + tail, st.sampled_from(BEGINNINGS), st.lists(st.integers(1, 3), min_size=1, max_size=20)
)
job = st.tuples(prompts, st.integers(0, 12), st.booleans())  # prompt, limit, whether it is only to be warmed
event = st.one_of(
    st.tuples(st.just("add"), job), st.tuples(st.just("step"), job), st.tuples(st.just("leave"), st.integers(0, 30))
)
limits = st.builds(
    Limits,
    slots=st.integers(1, 4),
    cells=st.integers(75, 200),
    chunk=st.integers(1, 40),
    chunk_alone=st.integers(40, 80),
    ids=st.integers(4, 8),
    kept=st.integers(0, 200),
    shares=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(limits, st.lists(event, max_size=50))
def test_whatever_is_shared_evicted_or_left_every_sequence_writes_what_it_would_write_alone(
    limits: Limits, events: list[tuple[str, object]]
) -> None:
    scheduler, memory = Scheduler(limits), Memory(limits)
    sequences: list[Sequence] = []
    left: set[Sequence] = set()
    for verb, what in events:
        if verb == "add":
            prompt, limit, warms = what  # type: ignore[misc]
            urgency = Urgency.WARM if warms else Urgency.REAL
            sequences.append(Sequence(prompt, 0 if warms else limit + 1, urgency=urgency))
            scheduler.add(sequences[-1])
        elif verb == "leave" and sequences:
            gone = sequences[what % len(sequences)]  # type: ignore[operator]
            left.add(gone)
            scheduler.leave(gone)
        else:
            step(scheduler, memory)
        assert len(scheduler.live) <= limits.slots
    finish(scheduler, memory)
    for sequence in sequences:
        assert sequence.phase is Phase.DONE
        if sequence not in left:
            assert sequence.generated == alone(sequence.prompt, sequence.limit)
    memory.decode(scheduler.next())  # what was let go at the last
    assert scheduler.cells == memory.cells <= limits.kept


ROOMY = Limits(slots=8, cells=4000, chunk=64, chunk_alone=64, ids=32, kept=4000)


def test_prompts_that_arrive_together_and_begin_alike_are_read_once() -> None:
    scheduler, memory = Scheduler(ROOMY), Memory(ROOMY)
    points = [Sequence([7] * 390 + [point] * 20, 1) for point in range(8)]
    for point in points:
        scheduler.add(point)
    finish(scheduler, memory)
    assert memory.read == 390 + 8 * 20
    assert [point.cached for point in points] == [0] + [390] * 7


def test_running_streams_get_their_token_in_every_step_while_a_long_prompt_is_read() -> None:
    scheduler, memory = Scheduler(ROOMY), Memory(ROOMY)
    stream, long = Sequence([1], 100), Sequence([2] * 1000, 1)
    scheduler.add(stream)
    step(scheduler, memory)
    scheduler.add(long)
    while long.phase is not Phase.DONE:
        before = len(stream.generated)
        assert step(scheduler, memory) <= ROOMY.chunk + 1
        assert len(stream.generated) == before + 1


def test_while_nobody_waits_for_a_token_prompts_are_read_in_larger_steps() -> None:
    limits = replace(ROOMY, chunk_alone=200)
    scheduler, memory = Scheduler(limits), Memory(limits)
    long, stream = Sequence([2] * 1000, 1), Sequence([1], 100)
    scheduler.add(long)
    assert step(scheduler, memory) == 200
    scheduler.add(stream)
    assert step(scheduler, memory) == 200  # the stream's own prompt is in it
    assert step(scheduler, memory) == ROOMY.chunk + 1


def test_of_those_that_wait_for_room_the_most_urgent_is_next() -> None:
    limits = replace(ROOMY, slots=1)
    scheduler, memory = Scheduler(limits), Memory(limits)
    running, late, urgent, equal = (Sequence([n], 3, priority=p) for n, p in ((1, 0), (2, 1), (3, -1), (4, -1)))
    scheduler.add(running)
    step(scheduler, memory)
    for sequence in (late, urgent, equal):
        scheduler.add(sequence)
    ended: list[Sequence] = []
    while scheduler.has_work:
        step(scheduler, memory)
        ended += [s for s in (running, late, urgent, equal) if s.phase is Phase.DONE and s not in ended]
    assert ended == [running, urgent, equal, late]


def test_no_more_is_kept_for_later_than_may_be_and_the_latest_stays() -> None:
    limits = replace(ROOMY, kept=150)
    scheduler, memory = Scheduler(limits), Memory(limits)
    first, second = Sequence([1] * 100, 1), Sequence([2] * 100, 1)
    for sequence in (first, second):
        scheduler.add(sequence)
        finish(scheduler, memory)
    assert (scheduler.cells, scheduler.evicted) == (100, 100)
    again = Sequence([2] * 100, 1)
    scheduler.add(again)
    finish(scheduler, memory)
    assert again.cached == 99


def test_what_somebody_live_shares_does_not_count_as_kept() -> None:
    limits = replace(ROOMY, kept=50)
    scheduler, memory = Scheduler(limits), Memory(limits)
    for sequence in (done := Sequence([1] * 100 + [2], 5), live := Sequence([1] * 100 + [3], 20)):
        scheduler.add(sequence)
    while done.phase is not Phase.DONE:
        step(scheduler, memory)
    assert live.phase is not Phase.DONE
    assert scheduler.evicted == 0


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    scheduler, memory = Scheduler(ROOMY), Memory(ROOMY)
    long, short = Sequence([2] * 1000, 1), Sequence([3] * 20, 1)
    scheduler.add(long)
    scheduler.add(short)
    step(scheduler, memory)
    assert short.phase is Phase.DONE
    assert long.done >= ROOMY.chunk // 2


def test_warming_steps_aside_for_real_work_and_goes_on_where_it_was() -> None:
    limits = Limits(slots=1, cells=400, chunk=50, chunk_alone=50, ids=4, kept=400)
    scheduler, memory = Scheduler(limits), Memory(limits)
    warm, real = Sequence([1] * 100, 0, urgency=Urgency.WARM), Sequence([2] * 10, 3)
    scheduler.add(warm)
    step(scheduler, memory)
    scheduler.add(real)
    step(scheduler, memory)
    assert (warm.phase, real.phase) == (Phase.QUEUED, Phase.DECODE)
    finish(scheduler, memory)
    assert warm.phase is Phase.DONE
    assert memory.read == 100 + 10 + 2


def test_a_prompt_that_grows_reads_only_what_is_new() -> None:
    scheduler, memory = Scheduler(ROOMY), Memory(ROOMY)
    first = Sequence([1] * 100, 10)
    scheduler.add(first)
    finish(scheduler, memory)
    grown = Sequence(first.prompt + first.generated + [5] * 10, 1)
    scheduler.add(grown)
    finish(scheduler, memory)
    assert grown.cached == 109  # the last token that was written had no cell yet
