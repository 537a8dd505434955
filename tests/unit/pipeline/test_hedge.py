"""Two tries at one passage: one writes, the other is stopped."""

import anyio
import pytest

from picegate.core.errors import NodeBroken
from picegate.pipeline.hedge import Race, Try
from tests.unit.pipeline.virtual import JumpingLoop


def run(race: Race, attempts: list[tuple[float, float, bool]], hedge_s: float = 1.0) -> tuple[list[int], float]:
    """Per try: seconds to its first text, seconds of writing, whether it ends well. Who wrote, and how long it took."""
    loop = JumpingLoop()
    wrote: list[int] = []

    async def attempt(one: Try) -> None:
        silent_s, writing_s, well = attempts[one.number]
        one.asked(f"node-{one.number}")
        await anyio.sleep(silent_s)
        if not one.writes():
            await anyio.sleep_forever()
        wrote.append(one.number)
        await anyio.sleep(writing_s)
        if not well:
            raise NodeBroken("broke")

    async def main() -> float:
        began = loop.time()
        await race.run(attempt, hedge_s)
        return loop.time() - began

    try:
        return wrote, loop.run_until_complete(main())
    finally:
        loop.close()


def test_a_try_that_begins_in_time_has_no_rival() -> None:
    race = Race()
    assert run(race, [(0.5, 9.0, True)]) == ([0], 9.5)
    assert race.nodes == {"node-0"}


def test_a_silent_try_gets_a_rival_and_is_stopped_when_that_writes() -> None:
    race = Race()
    wrote, took = run(race, [(100.0, 1.0, True), (0.5, 2.0, True)])
    assert wrote == [1]
    assert took == pytest.approx(3.5)
    assert race.outrun == "node-0"


def test_the_first_may_still_win_after_its_rival_has_started() -> None:
    race = Race()
    wrote, took = run(race, [(1.5, 2.0, True), (5.0, 1.0, True)])
    assert wrote == [0]
    assert took == pytest.approx(3.5)
    assert race.outrun is None  # a rival that had less time says nothing of its node


def test_of_two_that_begin_in_the_same_moment_one_writes() -> None:
    wrote, _ = run(Race(), [(3.0, 1.0, True), (2.0, 1.0, True)])
    assert len(wrote) == 1


def test_a_failure_before_the_rival_starts_is_not_waited_out() -> None:
    with pytest.raises(NodeBroken):
        run(Race(), [(0.1, 0.1, False)], hedge_s=1000.0)


def test_a_winner_that_breaks_fails_the_race() -> None:
    with pytest.raises(NodeBroken):
        run(Race(), [(100.0, 1.0, True), (0.5, 1.0, False)])
