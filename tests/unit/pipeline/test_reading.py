"""When the merged text goes to the reader, on a clock that jumps."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from picegate.assembly.merger import Merger
from picegate.assembly.pacing import LEAST_PER_S
from picegate.core.chat import Ask, Message
from picegate.core.events import TextDelta
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.core.usage import LegKind, LegRecord, PassageRecord
from picegate.pipeline.contest import Contests, Draft, Effort
from picegate.pipeline.reading import Reading
from picegate.pipeline.run import Run
from picegate.settings import QualitySettings
from tests.unit.pipeline.virtual import JumpingLoop

HEAP = "Walking calms. " * 20  # 300 characters, which come at once


class Scene:
    """An opening, a passage that is read, and one that is held. Its events are taken down with their times."""

    def __init__(self, loop: JumpingLoop, *, whole: bool = False, ensemble: str = "slack") -> None:
        self.run = Run(Ask("r", "pice", (Message("user", "What?"),), {}, stream=True), loop.time)
        self.merger = Merger()
        self.contests = Contests(QualitySettings.model_validate({"ensemble": ensemble}), self.merger)
        self.finished = False
        self.heard: list[tuple[float, str]] = []
        self.reading = Reading(
            self.run, self.merger, self.contests, Language.ENGLISH, whole=whole, finished=self._finish
        )
        self.reading.show(self.merger.prose("Opening."))
        for index in (0, 1):
            segment = self.merger.open_passage(Point(index, "notes", 50))
            self.run.tally.passages.append(PassageRecord(segment, index, 50, self.run.elapsed()))
        self.contest = self.contests.open(2)
        self.merger.hold(2)
        self.reading.turn()

    def _finish(self) -> None:
        self.finished = True

    def write(self, segment: int, text: str) -> None:
        self.reading.show(self.merger.passage(segment, text, "one"))

    def close(self, segment: int) -> None:
        self.reading.show(self.merger.close_passage(segment))

    def choose(self) -> None:
        self.contests.close(self.contest)
        self.reading.show(self.merger.let_go(2))

    async def listen(self) -> None:
        async for event in self.run:
            if isinstance(event, TextDelta):
                self.heard.append((self.run.elapsed(), event.text))

    def text(self, until_s: float = 1e9) -> str:
        return "".join(text for at, text in self.heard if at <= until_s)


def play(act: Callable[[Scene], Coroutine[Any, Any, None]], **options: Any) -> Scene:
    loop = JumpingLoop()

    async def main() -> Scene:
        scene = Scene(loop, **options)
        async with anyio.create_task_group() as group:
            group.start_soon(scene.listen)
            await act(scene)
            scene.reading.stop()
            scene.run.end()
        return scene

    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


def test_text_lasts_until_the_choice_behind_it_is_expected() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(4.0, 100.0))
        scene.write(1, HEAP)
        scene.close(1)
        await anyio.sleep(4.0)
        scene.contest.first_done = True
        scene.choose()

    scene = play(act)
    assert len(scene.text(2.0)) == pytest.approx(150, abs=15)
    assert scene.text(3.9).strip() in scene.merger.text
    assert max(b - a for (a, _), (b, _) in zip(scene.heard, scene.heard[1:], strict=False)) < 0.3
    assert scene.text() == scene.merger.text


def test_text_never_comes_slower_than_it_may_however_late_the_choice() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(60.0, 100.0))
        scene.write(1, HEAP)
        scene.close(1)
        await anyio.sleep(1.0)

    assert len(play(act).text(1.0)) == pytest.approx(LEAST_PER_S, abs=8)


def test_when_the_text_has_run_out_the_first_candidate_is_read_as_it_is_written() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(60.0, 100.0))
        scene.write(2, "Sleep is written slowly, ")
        scene.write(1, HEAP)
        scene.close(1)
        await anyio.sleep(10.0)
        assert not scene.merger.is_held(2)
        scene.write(2, "and read at once.")

    scene = play(act)
    at, last = scene.heard[-1]
    assert at == pytest.approx(10.0)
    assert last.endswith("and read at once.")
    assert len(HEAP) / LEAST_PER_S * 0.8 < next(at for at, text in scene.heard if "Sleep" in text) < 6.0
    assert scene.contest.over


def test_a_reader_who_waits_for_a_silent_first_candidate_has_come_to_it() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(60.0, 100.0))
        scene.close(1)
        await anyio.sleep(3.0)
        scene.write(2, "At last.")

    scene = play(act)
    turn_s = scene.run.tally.passages[1].turn_s
    assert turn_s is not None
    assert turn_s < 1.0


def test_a_sound_candidate_keeps_the_passage_held_until_it_is_put_in() -> None:
    async def act(scene: Scene) -> None:
        record = LegRecord(LegKind.VERIFY, "two", "m", 0.0)
        scene.contest.drafts.append(Draft("Chosen.", "two", "two", record))
        scene.write(2, "Half of")
        scene.close(1)
        await anyio.sleep(1.0)
        assert scene.contest.first.cancel_called
        assert scene.merger.is_held(2)
        scene.contest.choose()
        scene.choose()
        scene.close(2)

    assert play(act).text() == "Opening.\n\nChosen."


def test_what_is_chosen_early_lets_all_text_go_at_once() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(60.0, 100.0))
        scene.write(1, HEAP)
        scene.close(1)
        await anyio.sleep(1.0)
        scene.choose()
        await anyio.sleep(1.0)

    scene = play(act)
    assert scene.text(1.0) == scene.merger.text
    assert len(scene.text(0.99)) < 80


def test_the_baseline_holds_on_after_the_text_has_run_out() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(2.0, 100.0))
        scene.write(2, "Sleep.")
        scene.write(1, HEAP)
        scene.close(1)
        await anyio.sleep(30.0)
        assert "Sleep" not in scene.text()
        scene.choose()
        scene.close(2)

    assert play(act, ensemble="always").text().endswith("Sleep.")


def test_a_whole_answer_is_kept_back_until_its_end() -> None:
    async def act(scene: Scene) -> None:
        scene.write(1, HEAP)
        scene.close(1)
        scene.choose()
        scene.write(2, "Sleep.")
        scene.close(2)
        await anyio.sleep(1.0)
        assert scene.text() == ""
        scene.reading.show(scene.merger.close_prose())
        await anyio.sleep(0.0)

    scene = play(act, whole=True)
    assert scene.text() == scene.merger.text
    assert scene.finished


def test_nothing_goes_out_after_a_stop() -> None:
    async def act(scene: Scene) -> None:
        scene.contest.begun(Effort(60.0, 100.0))
        scene.write(1, HEAP)
        await anyio.sleep(0.5)
        scene.reading.stop()
        await anyio.sleep(5.0)

    assert len(play(act).text()) < 60
