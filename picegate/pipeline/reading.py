"""What of the merged text goes to the reader, and when: at once, or evenly while it is open what follows it."""

import asyncio
from collections.abc import Callable

from picegate.assembly.merger import Merger
from picegate.assembly.pacing import Pacer
from picegate.core.events import TextDelta
from picegate.pipeline.contest import Contests
from picegate.pipeline.drafting import CHARACTERS_PER_WORD
from picegate.pipeline.run import Run
from picegate.sketch.scripts import Language

TICK_S = 0.04  # between two looks at text that is handed out slowly


class Reading:
    """Hands out one answer's text, and keeps the record of what is being read."""

    def __init__(
        self,
        run: Run,
        merger: Merger,
        contests: Contests,
        language: Language,
        *,
        whole: bool,
        finished: Callable[[], None],
    ) -> None:
        """`whole`: nothing goes out before the answer has ended. `finished`: called when nothing more will be read."""
        self._run = run
        self._merger = merger
        self._contests = contests
        self._characters = CHARACTERS_PER_WORD[language]
        self._whole = whole
        self._finished = finished
        self._pacer = Pacer()
        self._ticking: asyncio.TimerHandle | None = None
        self._turned = 0  # passages whose turn has come

    def show(self, deltas: list[TextDelta]) -> None:
        """More text is ready. To be called with none, too, when something was written that cannot be read yet."""
        self._pacer.feed(deltas)
        self._give()
        self.turn()
        if self._merger.finished:
            self._finished()

    def turn(self) -> None:
        """The reader may have come to another segment."""
        for record in self._run.tally.passages[self._turned :]:
            if not self._merger.is_read(record.segment):
                break
            record.turn_s = self._run.elapsed()
            self._turned += 1
        self._contests.turned()

    def stop(self) -> None:
        """Hand out nothing more."""
        if self._ticking is not None:
            self._ticking.cancel()

    def _give(self) -> None:
        """Send on what is there; where the choice of what follows is still open, at the rate at which it lasts."""
        now, finished = self._run.elapsed(), self._merger.finished
        if self._whole and not finished:
            return
        held = None if finished else self._contests.held
        if held is None:
            deltas = self._pacer.all(now)
        else:
            deltas = self._pacer.take(now, held.end_s(now), self._characters_before(held.segment))
        for delta in deltas:
            self._run.emit(delta)
        if held is None:
            return
        if self._ticking is None or self._ticking.when() <= asyncio.get_running_loop().time():
            self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._give)
        if not self._pacer and self._merger.turn == held.segment:
            more = self._contests.release(held)
            if not self._merger.is_held(held.segment):
                self.show(more)

    def _characters_before(self, segment: int) -> float:
        """About how much is still to be written of the passages that are read before this one."""
        merger = self._merger
        ahead = (record for record in self._run.tally.passages if merger.turn <= record.segment < segment)
        return sum(max(record.words * self._characters - len(merger.shown(record.segment)), 0.0) for record in ahead)
