"""Several candidates for one passage: when the choice is made, what is chosen, who is stopped."""

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
from anyio.lowlevel import checkpoint

from picegate.assembly.merger import Merger
from picegate.core.errors import Busy, CloudBroken, NoNode
from picegate.core.quality import Quality
from picegate.core.sketch import Point
from picegate.core.usage import LegKind, LegRecord
from picegate.pipeline.contest import SURE, Contest, Contests, Draft, Effort
from picegate.settings import QualitySettings

EFFORT = Effort(10.0, 100.0)


def draft(text: str, confidence: float | None = 0.7) -> Draft:
    quality = None if confidence is None else Quality(confidence)
    return Draft(text, text.lower(), f"node-{text}", LegRecord(LegKind.VERIFY, text, "m", 0.0, 0, quality=quality))


def held(*, passages: int = 1) -> Merger:
    merger = Merger()
    for index in range(passages):
        merger.open_passage(Point(index, "notes", 20))
        merger.hold(index)
    return merger


class Writer:
    """A candidate that is whole once it is told so."""

    def __init__(self, end: Draft | Exception) -> None:
        self.may_end = anyio.Event()
        self.stopped = False
        self._end = end

    async def __call__(self, effort: Effort) -> Draft:
        try:
            await self.may_end.wait()
        except BaseException:
            self.stopped = True
            raise
        if isinstance(self._end, Exception):
            raise self._end
        return self._end


async def settle() -> None:
    for _ in range(10):
        await checkpoint()


async def choosing(contest: Contest, act: Callable[[], object] = lambda: None) -> Draft | None:
    """What is chosen when `act` is the last that happens."""
    await settle()
    act()
    with anyio.fail_after(1):
        await contest.settled()
    await contest.stop()
    return contest.choose()


def first_is(contest: Contest, whole: Draft | None) -> None:
    if whole is not None:
        contest.written(whole)
    contest.first_done = True


async def test_the_best_is_chosen_when_all_are_whole() -> None:
    contest, other = Contest(0, merger := held(), 0.5), Writer(better := draft("B", 0.9))
    merger.passage(0, "A", "a")
    contest.invite(other, EFFORT)
    first_is(contest, worse := draft("A", 0.6))
    assert await choosing(contest, other.may_end.set) is better
    assert (worse.record.kept, better.record.kept) == (False, True)
    merger.let_go(0)
    assert merger.text == "B"


async def test_of_equals_the_first_stays_whoever_was_whole_first() -> None:
    contest, other = Contest(0, merger := held(), 0.5), Writer(draft("B", 0.7))
    merger.passage(0, "A", "a")
    contest.invite(other, EFFORT)
    other.may_end.set()
    await settle()
    first_is(contest, first := draft("A", 0.7))
    assert await choosing(contest) is first
    merger.let_go(0)
    merger.close_passage(0)
    assert merger.text == "A"


async def test_beside_one_that_is_surely_good_nobody_is_waited_for() -> None:
    contest, other = Contest(0, held(), 0.5), Writer(draft("B", 1.0))
    contest.invite(other, EFFORT)
    first_is(contest, first := draft("A", SURE))
    assert await choosing(contest) is first
    assert other.stopped


async def test_when_its_turn_comes_the_best_so_far_is_chosen_and_the_rest_stopped() -> None:
    contest, slow, quick = Contest(0, held(), 0.5), Writer(draft("B", 1.0)), Writer(better := draft("C", 0.8))
    contest.invite(slow, EFFORT)
    contest.invite(quick, EFFORT)
    first_is(contest, draft("A", 0.6))
    quick.may_end.set()
    assert await choosing(contest, contest.late) is better
    assert slow.stopped


async def test_a_whole_sound_candidate_is_not_kept_from_its_turn_by_the_first_one() -> None:
    contest, other = Contest(0, held(), 0.5), Writer(draft("B", 0.6))
    contest.invite(other, EFFORT)
    other.may_end.set()
    await settle()
    contest.late()
    assert contest.first.cancel_called


@pytest.mark.parametrize(("now_s", "exchanged"), [(0.0, True), (6.0, False), (12.0, False)])
async def test_a_better_models_first_one_is_read_as_it_is_written_where_that_takes_less_than_it_is_worth(
    now_s: float, exchanged: bool
) -> None:
    contest = Contest(0, held(), 0.5, elapsed=lambda: now_s)
    contest.begun(EFFORT)
    other = Writer(replace(draft("B", 0.6), feared_s=5.0))
    contest.invite(other, EFFORT)
    other.may_end.set()
    await settle()
    contest.late()
    assert contest.first.cancel_called == exchanged


@pytest.mark.parametrize("confidence", [None, 0.4])
async def test_the_first_goes_on_where_nothing_sound_is_whole_in_time(confidence: float | None) -> None:
    contest, other = Contest(0, held(), 0.5), Writer(draft("B", confidence))
    contest.invite(other, EFFORT)
    if confidence is not None:
        other.may_end.set()
    await settle()
    contest.late()
    await settle()
    assert not contest.first.cancel_called
    assert other.stopped == (confidence is None)


async def test_the_baseline_waits_for_all() -> None:
    contest, other = Contest(0, held(), 0.5, waits=True), Writer(better := draft("B", 1.0))
    contest.invite(other, EFFORT)
    first_is(contest, draft("A", 0.99))
    with anyio.move_on_after(0.01) as scope:
        await contest.settled()
    contest.late()
    assert scope.cancelled_caught
    assert not contest.over
    assert not other.stopped
    assert await choosing(contest, other.may_end.set) is better


@pytest.mark.parametrize("failure", [NoNode("needed"), Busy("full"), CloudBroken("broke")])
async def test_candidates_that_fail_leave_the_rest(failure: Exception) -> None:
    contest, other = Contest(0, held(), 0.5), Writer(failure)
    contest.invite(other, EFFORT)
    first_is(contest, first := draft("A", 0.1))
    assert await choosing(contest, other.may_end.set) is first


async def test_where_all_fail_nothing_is_chosen() -> None:
    contest, other = Contest(0, held(), 0.5), Writer(NoNode("needed"))
    contest.invite(other, EFFORT)
    first_is(contest, None)
    assert await choosing(contest, other.may_end.set) is None


async def test_what_a_reader_has_begun_to_see_is_not_exchanged() -> None:
    contest, other = Contest(0, merger := held(), 0.5), Writer(draft("B", 1.0))
    contest.invite(other, EFFORT)
    other.may_end.set()
    await settle()
    merger.let_go(0)
    merger.passage(0, "A is read", "a")
    first_is(contest, first := draft("A is read", 0.1))
    assert await choosing(contest) is first
    assert merger.text == "A is read"


async def test_nothing_goes_on_from_words_of_a_dead_first_one_but_what_was_written_for_it() -> None:
    contest, other = Contest(0, merger := held(), 0.5), Writer(whole := draft("B", 1.0))
    contest.invite(other, EFFORT)
    merger.let_go(0)
    merger.passage(0, "A is", "a")
    other.may_end.set()
    await settle()
    first_is(contest, None)
    assert await choosing(contest) is None
    assert whole.record.kept is False


async def test_unscored_candidates_are_neither_kept_nor_refused() -> None:
    contest = Contest(0, held(), 0.5)
    first_is(contest, first := draft("A", None))
    assert await choosing(contest) is first
    assert first.record.kept is None


@pytest.mark.parametrize("rounds", range(4))
async def test_stopping_at_any_moment_leaves_nobody_writing(rounds: int) -> None:
    contest, others = Contest(0, held(), 0.5), [Writer(draft("B")), Writer(draft("C"))]
    for other in others:
        contest.invite(other, EFFORT)
    for _ in range(rounds):
        await checkpoint()
    await contest.stop()
    assert all(task.done() for task in contest._tasks)


async def test_one_that_follows_may_take_as_long_as_its_turn_is_away() -> None:
    contest, again = Contest(0, held(), 0.5), Writer(draft("B", 0.9))
    first_is(contest, draft("A", 0.2))
    async with anyio.create_task_group() as group:
        group.start_soon(contest.enter, again, EFFORT)
        await settle()
        assert not again.stopped
        contest.late()
        await settle()
        assert again.stopped
    assert contest.best is not None
    assert contest.best.text == "A"


def effort_of(*wrote: tuple[int, float]) -> Effort:
    effort = Effort(due_s=8.0, size=200.0)
    for characters, now_s in wrote:
        effort.wrote(characters, now_s)
    return effort


@pytest.mark.parametrize(
    ("effort", "now_s", "end_s"),
    [
        (effort_of(), 1.0, 8.0),  # silent: the forecast
        (effort_of(), 9.0, 9.0),  # and when that is past, any moment
        (effort_of((10, 2.0)), 3.0, 8.0),  # too little to tell a pace
        (effort_of((10, 2.0), (40, 3.0)), 3.0, 6.0),  # a quarter in 1 s
        (effort_of((10, 2.0), (40, 3.0)), 5.0, 14.0),  # and then nothing for 2 s
        (effort_of((100, 2.0), (150, 4.0)), 4.0, 4.0),  # longer than it was to be
        (effort_of((200, 2.0)), 2.0, 2.0),  # all at once
    ],
)
def test_a_candidate_is_expected_by_its_own_pace_once_that_shows(effort: Effort, now_s: float, end_s: float) -> None:
    assert effort.end_s(now_s) == pytest.approx(end_s)


async def test_a_contest_ends_with_its_slowest_candidate_and_an_answer_with_its_slowest_first_one() -> None:
    contests = Contests(QualitySettings(), held(passages=2))
    one, two = contests.open(0), contests.open(1)
    assert contests.end_s(0.0) == 0.0
    one.begun(Effort(5.0, 100.0))
    two.begun(Effort(7.0, 100.0))
    writer = Writer(draft("B"))
    one.invite(writer, Effort(9.0, 100.0))
    assert (one.end_s(0.0), one.first_end_s(0.0)) == (9.0, 5.0)
    assert contests.end_s(0.0) == 7.0
    two.first_done = True
    assert contests.end_s(0.0) == 5.0
    await one.stop()


async def test_a_node_is_busy_with_an_answer_until_its_last_first_candidate_is_whole() -> None:
    contests = Contests(QualitySettings(), held(passages=4))
    efforts = Effort(5.0, 100.0, "a"), Effort(7.0, 100.0, "a"), Effort(6.0, 100.0, "b"), Effort(9.0, 100.0)
    opened = [contests.open(segment) for segment in range(4)]
    for contest, effort in zip(opened, efforts, strict=True):
        contest.begun(effort)
    assert contests.rest_s(1.0) == {"a": 6.0, "b": 5.0}
    opened[1].first_done = True
    assert contests.rest_s(1.0) == {"a": 4.0, "b": 5.0}


async def test_first_candidates_are_under_way_until_all_are_done() -> None:
    contests = Contests(QualitySettings(), held(passages=2))
    assert contests.under_way  # none has begun
    one, two = contests.open(0), contests.open(1)
    one.first_done = True
    assert contests.under_way
    two.first_done = True
    assert not contests.under_way
    two.begun(EFFORT)  # the cloud writes what nobody wrote
    assert contests.under_way


async def test_one_that_was_begun_anew_is_not_closed_with_the_old_one() -> None:
    contests = Contests(QualitySettings(), held())
    old = contests.open(0)
    new = contests.open(0)
    contests.close(old)
    assert list(contests) == [new]
    contests.close(new)
    assert list(contests) == []


async def test_the_first_held_passage_is_the_one_that_text_must_last_for() -> None:
    contests = Contests(QualitySettings(), merger := held(passages=3))
    two, one = contests.open(2), contests.open(1)
    assert contests.held is one
    merger.let_go(1)
    assert contests.held is two


async def test_a_passage_that_comes_to_be_read_with_nothing_chosen_is_read_as_it_is_written() -> None:
    contests = Contests(QualitySettings(), merger := held())
    contest = contests.open(0)
    merger.passage(0, "So far", "a")
    assert [delta.text for delta in contests.release(contest)] == ["So far"]
    assert contest.over
    assert not merger.is_held(0)


async def test_where_a_choice_is_being_made_the_passage_stays_held() -> None:
    contests = Contests(QualitySettings(), merger := held())
    contest = contests.open(0)
    first_is(contest, draft("A", 0.2))
    assert contests.release(contest) == []
    assert merger.is_held(0)


async def test_the_baseline_lets_nothing_go_before_its_time() -> None:
    contests = Contests(QualitySettings(ensemble="always"), merger := held())
    contest = contests.open(0)
    merger.passage(0, "So far", "a")
    assert contests.release(contest) == []
    assert merger.is_held(0)


async def test_turning_to_a_passage_ends_its_contest_and_no_other() -> None:
    contests = Contests(QualitySettings(), merger := held(passages=2))
    one, two = contests.open(0), contests.open(1)
    merger.let_go(0)
    contests.turned()
    assert (one.over, two.over) == (True, False)
