"""Several candidates for one passage, of which the most trusted is read; nobody reads later for it.

Candidates are written side by side, or one after another where the first is weak. The first one writes into the
merger, where its text is held back while others are written aside. The choice is made when all are whole; or when
there is nothing left to read before the passage; or when all other passages of the answer are whole. Whoever is not
done by then is stopped. What a reader has begun to see is not exchanged.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import anyio

from picegate.assembly.merger import Merger
from picegate.core.errors import Busy, CloudError, EdgeError
from picegate.core.events import TextDelta
from picegate.core.quality import Quality
from picegate.core.usage import LegRecord
from picegate.core.value import value
from picegate.settings import QualitySettings

SURE = 0.95  # besides a candidate of so much confidence, nobody is waited for
_TELLING = 0.1  # of a passage: from there on its own pace tells more than the forecast


@value
class Draft:
    """A whole passage.

    Attributes:
        node: id of the node that wrote it, None for the cloud. `record`: of the leg that did.
        feared_s: as that of its `Effort`.
    """

    text: str
    writer: str
    node: str | None
    record: LegRecord
    feared_s: float = 0.0

    @property
    def confidence(self) -> float:
        """1 where it was not scored."""
        return 1.0 if self.record.quality is None else self.record.quality.confidence

    def rank(self, threshold: float) -> tuple[bool, float, float]:
        """As `Quality.rank`; one that was not scored lacks nothing."""
        return (self.record.quality or Quality(1.0)).rank(threshold)


@dataclass(slots=True)
class Effort:
    """A candidate while it is written. Moments are seconds since the request arrived.

    Attributes:
        due_s: when it should be whole, by its node's pace.
        size: characters that it will have, about; with `sure` of them a stall alone does not make it seem slow.
        node: id of its node; None: in the cloud.
        feared_s: seconds of waiting that it is worth to have it written by the fleet's best model instead.
    """

    due_s: float
    size: float
    node: str | None = None
    feared_s: float = 0.0
    sure: float = math.inf
    first_s: float | None = None
    written: int = 0

    def wrote(self, characters: int, now_s: float) -> None:
        if self.first_s is None:
            self.first_s = now_s
        self.written += characters

    def end_s(self, now_s: float) -> float:
        """When it is expected to be whole."""
        share = self.written / self.size
        if self.first_s is None or share < _TELLING:
            return max(self.due_s, now_s)
        return now_s + (now_s - self.first_s) * max(1.0 - share, 0.0) / share

    def late_s(self, now_s: float) -> float:
        """By so much later than it should; 0 before that can be told."""
        return self.end_s(now_s) - self.due_s if self.written >= self.sure else 0.0


_Entry = tuple[Effort, anyio.CancelScope]


class Contest:
    """The candidates for one passage.

    Attributes:
        first: the scope in which the candidate that writes into the merger is written.
        live: that one, once it is whole.
        first_done: it is whole, or given up and nobody writes in its place.
        over: nobody is waited for any longer.
    """

    def __init__(
        self,
        segment: int,
        merger: Merger,
        threshold: float,
        *,
        waits: bool = False,
        elapsed: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """
        Args:
            waits: for every candidate, whatever that costs the reader (a baseline).
            elapsed: seconds since the request arrived.
        """
        self.segment = segment
        self.drafts: list[Draft] = []
        self.first = anyio.CancelScope()
        self.live: Draft | None = None
        self.first_done = False
        self.over = False
        self._merger = merger
        self._threshold = threshold
        self._waits = waits
        self._elapsed = elapsed
        self._first_effort: Effort | None = None
        self._others: list[_Entry] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()

    @property
    def best(self) -> Draft | None:
        """Of equals the earliest."""
        return max(self.drafts, key=lambda draft: draft.rank(self._threshold), default=None)

    @property
    def is_sound(self) -> bool:
        best = self.best
        return best is not None and best.confidence >= self._threshold

    def choose(self) -> Draft | None:
        """The candidate that is read, put in its place in the merger; None: there is none, or none that goes on from
        what a reader has seen."""
        best = self.live if self._merger.shown(self.segment) else self.best
        if best is not None and best is not self.live:
            self._merger.reset(self.segment)
            self._merger.passage(self.segment, best.text, best.writer)
        for draft in self.drafts:
            draft.record.kept = None if draft.record.quality is None else draft is best
        return best

    def end_s(self, now_s: float) -> float:
        """When the last candidate is expected to be whole."""
        return max([self.first_end_s(now_s), *(effort.end_s(now_s) for effort, _ in self._others)])

    def first_end_s(self, now_s: float) -> float:
        """When the first candidate is expected to be whole."""
        effort = self.first_effort
        return now_s if effort is None else effort.end_s(now_s)

    @property
    def first_effort(self) -> Effort | None:
        """Of the first candidate, while it is written."""
        return None if self.first_done else self._first_effort

    def begun(self, effort: Effort) -> None:
        """The first candidate is begun, or begun again, or the cloud writes in its place."""
        self._first_effort = effort
        self.first_done = False

    def written(self, draft: Draft) -> None:
        """The first candidate is whole. Of equals it is read."""
        self.live = draft
        self.drafts.insert(0, draft)

    def invite(self, candidate: Callable[[Effort], Awaitable[Draft]], effort: Effort) -> None:
        """Have another candidate written aside, until `stop`."""
        self._tasks.append(asyncio.create_task(self._write(candidate, self._entered(effort))))

    async def enter(self, candidate: Callable[[Effort], Awaitable[Draft]], effort: Effort) -> None:
        """Write another candidate aside, for as long as it may take."""
        await self._write(candidate, self._entered(effort))

    async def stop(self) -> None:
        """Return when nobody writes any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self._tasks)

    def late(self) -> None:
        """From now on nobody is waited for: the passage is read, or something waits for it to be whole."""
        if self._waits or self.over:
            return
        self.over = True
        if self._is_overtaken():
            self.first.cancel()
        self._stop_others()

    def _is_overtaken(self) -> bool:
        """A sound passage is whole before the first one, whose rest takes longer than a better model is worth."""
        best, first, now = self.best, self.first_effort, self._elapsed()
        if not self.is_sound or best is None or self.first_done or self._merger.shown(self.segment):
            return False
        return first is None or first.end_s(now) - now >= best.feared_s - first.feared_s

    async def settled(self) -> None:
        """Return when the choice can be made; the first candidate is done."""
        while self._others and not self.over:
            if self.best is not None and self.best.confidence >= SURE and not self._waits:
                break
            self._news.clear()
            await self._news.wait()
        self._stop_others()

    def _entered(self, effort: Effort) -> _Entry:
        entry = effort, anyio.CancelScope()
        self._others.append(entry)
        return entry

    async def _write(self, candidate: Callable[[Effort], Awaitable[Draft]], entry: _Entry) -> None:
        effort, scope = entry
        try:
            with scope:
                self.drafts.append(await candidate(effort))
        except (EdgeError, CloudError, Busy):
            pass  # its leg's record tells
        finally:
            self._others.remove(entry)
            self._news.set()

    def _stop_others(self) -> None:
        for _, scope in self._others:
            scope.cancel()
        self._news.set()


class Contests:
    """Those of one answer."""

    def __init__(self, settings: QualitySettings, merger: Merger, elapsed: Callable[[], float] = lambda: 0.0) -> None:
        """`elapsed`: seconds since the request arrived."""
        self._settings = settings
        self._merger = merger
        self._elapsed = elapsed
        self._open: dict[int, Contest] = {}

    def __iter__(self) -> Iterator[Contest]:
        return iter(list(self._open.values()))

    def open(self, segment: int) -> Contest:
        waits = self._settings.ensemble == "always"
        contest = Contest(segment, self._merger, self._settings.threshold, waits=waits, elapsed=self._elapsed)
        self._open[segment] = contest
        return contest

    def close(self, contest: Contest) -> None:
        """Nothing more comes of it; where the passage was begun anew meanwhile, another contest has its place."""
        if self._open.get(contest.segment) is contest:
            del self._open[contest.segment]

    @property
    def under_way(self) -> bool:
        """Some first candidate is still being written, or all is chosen."""
        return not self._open or not all(contest.first_done for contest in self._open.values())

    def end_s(self, now_s: float) -> float:
        """When the first candidates of all passages are expected to be whole."""
        return max((contest.first_end_s(now_s) for contest in self), default=now_s)

    def rest_s(self, now_s: float) -> dict[str, float]:
        """By node, seconds until the last first candidate that is written there is expected to be whole."""
        rest: dict[str, float] = {}
        for contest in self:
            effort = contest.first_effort
            if effort is not None and effort.node is not None:
                rest[effort.node] = max(rest.get(effort.node, 0.0), effort.end_s(now_s) - now_s)
        return rest

    @property
    def held(self) -> Contest | None:
        """The first passage that is held back."""
        if not self._merger.holds:
            return None
        return next((self._open[at] for at in sorted(self._open) if self._merger.is_held(at)), None)

    def turned(self) -> None:
        """The merger may have gone on to another segment: what is read now is chosen from what there is."""
        for contest in self:
            if not contest.over and self._merger.is_read(contest.segment):
                contest.late()

    def release(self, contest: Contest) -> list[TextDelta]:
        """Nothing is left to be read before the passage: choose, or let the first candidate be read as it is written.

        Returns what may go to the reader now; where a choice is made, it comes when the passage is closed.
        """
        contest.late()
        if not contest.over or contest.first_done or contest.first.cancel_called:
            return []
        return self._merger.let_go(contest.segment)
