"""What a run notes of itself: pauses as the reader saw them, and how long its legs waited."""

from contextlib import suppress

import pytest

from picegate.core.chat import Ask, Message
from picegate.core.errors import Busy
from picegate.core.events import RawChunk, ReasoningDelta, TextDelta
from picegate.core.ports import CloudCall
from picegate.core.usage import STALL_S, LegKind, LegRecord, PassageRecord, Stall
from picegate.pipeline.run import Run
from tests.unit.nodes.house import Hand

CALL = CloudCall(LegKind.SKETCH, "r", {})


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def run(clock: Hand) -> Run:
    return Run(Ask("r", "pice", (Message("user", "Why?"),), {}), clock)


def say(run: Run, clock: Hand, *pauses: tuple[float, int]) -> None:
    """Text in a segment after a pause of so many seconds, again and again."""
    for pause_s, segment in pauses:
        clock.now += pause_s
        run.emit(TextDelta("x", segment))


def test_the_time_to_the_first_token_is_no_pause(run: Run, clock: Hand) -> None:
    say(run, clock, (9.0, 0), (STALL_S / 2, 0))
    assert run.tally.first_token_s == 9.0
    assert run.tally.stalls == {}


def test_pauses_are_kept_for_the_segment_that_was_waited_for(run: Run, clock: Hand) -> None:
    say(run, clock, (1.0, 0), (0.5, 1), (2.0, 1), (0.5, 1), (STALL_S / 2, 1), (1.0, 2))
    assert run.tally.stalls == {
        1: Stall(1, times=3, total_s=3.0, from_s=1.5, longest_s=2.0),
        2: Stall(2, times=1, total_s=1.0, from_s=pytest.approx(4.0 + STALL_S / 2), longest_s=1.0),
    }


def test_thinking_is_no_text(run: Run, clock: Hand) -> None:
    say(run, clock, (1.0, 0))
    clock.now += 1.0
    run.emit(ReasoningDelta("hm"))
    say(run, clock, (1.0, 0))
    assert run.tally.stalls[0].longest_s == 2.0


def test_chunks_of_the_cloud_are_text_from_the_first_that_writes(run: Run, clock: Hand) -> None:
    run.emit(RawChunk(b"role"))
    clock.now += 3.0
    run.mark_first_token()
    run.emit(RawChunk(b"text"))
    clock.now += 1.0
    run.emit(RawChunk(b"text"))
    assert run.tally.stalls == {0: Stall(0, 1, 1.0, 3.0, 1.0)}


def test_whoever_broke_off_had_waited_for_the_passage_they_had_come_to(run: Run, clock: Hand) -> None:
    run.tally.passages = [PassageRecord(1, 0, 60, 0.5, turn_s=1.0), PassageRecord(2, 1, 60, 0.6)]
    say(run, clock, (1.0, 0))
    clock.now += 5.0
    run.close()
    assert run.tally.stalls == {1: Stall(1, 1, 5.0, 1.0, 5.0)}
    assert run.tally.total_s == 6.0


def test_an_end_is_noted_once(run: Run, clock: Hand) -> None:
    say(run, clock, (1.0, 0))
    clock.now += 1.0
    run.finish("stop")
    clock.now += 5.0
    run.close()
    assert run.tally.stalls[0].times == 1
    assert run.tally.total_s == 2.0


def test_a_leg_in_the_cloud_starts_when_it_has_its_place(run: Run, clock: Hand) -> None:
    with run.leg(LegKind.SKETCH, "cloud", "big", ()) as leg:
        clock.now += 4.0
        placed = leg.sent(CALL).placed
        assert placed is not None
        placed(7)
        clock.now += 1.0
    assert (leg.record.waited_s, leg.record.started_s, leg.record.ended_s) == (4.0, 4.0, 5.0)
    assert leg.placed_batch == 7


def broken_off(run: Run, clock: Hand, *, placed: bool) -> LegRecord:
    """The record of a leg that failed four seconds after it was sent."""
    with suppress(Busy), run.leg(LegKind.SKETCH, "cloud", "big", ()) as leg:
        call = leg.sent(CALL)
        if placed and call.placed is not None:
            call.placed(1)
        clock.now += 4.0
        raise Busy("full")
    return run.tally.legs[-1]


def test_a_leg_that_waited_in_vain_did_nothing_else(run: Run, clock: Hand) -> None:
    record = broken_off(run, clock, placed=False)
    assert (record.waited_s, record.started_s, record.ended_s) == (4.0, 4.0, 4.0)


def test_a_leg_that_failed_after_it_went_out_keeps_its_start(run: Run, clock: Hand) -> None:
    record = broken_off(run, clock, placed=True)
    assert (record.waited_s, record.started_s, record.ended_s) == (0.0, 0.0, 4.0)
