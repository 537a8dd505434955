"""The desk in front of the engine: lets jobs in, counts and measures them, and closes for good when asked to drain."""

import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property

import anyio

from edge_agent.desk.average import moved
from edge_agent.desk.company import Company, Visit
from edge_agent.desk.line import Line
from edge_agent.desk.speed import told
from edge_agent.engine.pace import MIN_DECODED, MIN_PREFILLED, Pace
from edge_agent.engine.port import Counts, Engine, Job, Piece, Warmth, WireMessage
from edge_agent.errors import Draining, EngineFailed, Overloaded, TooLate
from edge_agent.protocol import Load, Speed

RETRY_AFTER_S = 1.0
RETRY_AFTER_DRAIN_S = 5.0


class Desk:
    """Jobs beyond the engine's slots wait here, the most urgent first, at most `max_queued` of them.

    `clock` gives seconds, monotonic. Attribute `draining`: no new work is taken.
    """

    def __init__(self, engine: Engine, *, max_queued: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self.draining = False
        self._max_queued = max_queued
        self._clock = clock
        self._warming = 0
        self._warmed = anyio.Event()
        self._tokens_per_s: float | None = None
        self._prefill_tokens_per_s: float | None = None
        self._company = Company()
        self._spare: anyio.CancelScope | None = None

    def load(self) -> Load:
        return Load(
            slots_busy=self._line.busy,
            queued=self._line.waiting,
            tokens_per_s=self._tokens_per_s,
            prefill_tokens_per_s=self._prefill_tokens_per_s,
        )

    @asynccontextmanager
    async def work(self, job: Job, within_s: float = math.inf) -> AsyncIterator[AsyncIterator[Piece]]:
        """As `Engine.generate`, once it is this job's turn and its first piece is there.

        Raises:
            Overloaded: the queue is full. Draining: no new work is taken.
            TooLate: the first piece has not come within `within_s` seconds, or foreseeably would not.
        """
        self._refuse_while_draining()
        self.end_spare_time()
        arrived = self._clock()
        async with self._line.slot(job.priority, within_s):
            with self._visit() as visit, anyio.move_on_after(within_s - (self._clock() - arrived)) as patience:
                async with self.engine.generate(job) as pieces:
                    first = await anext(pieces, None)
                    patience.deadline = math.inf
                    visit.first_token(self._clock())
                    yield self._measured(first, pieces, visit)
            if patience.cancelled_caught:
                raise TooLate(f"The answer did not begin within {within_s:g} s.", retry_after_s=RETRY_AFTER_S)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        """As `Engine.warm`, but only while a slot is free, and without taking it: nobody waits for warming.

        Raises:
            Overloaded: no slot is free. Draining: no new work is taken.
        """
        self._refuse_while_draining()
        if self._line.busy + self._warming >= self.engine.info.slots:
            raise Overloaded("All slots are busy; nothing was warmed.", retry_after_s=RETRY_AFTER_S)
        self.end_spare_time()
        self._warming += 1
        try:
            with self._visit():
                return await self.engine.warm(messages)
        finally:
            self._warming -= 1
            self._warmed.set()
            self._warmed = anyio.Event()

    def drain(self) -> None:
        """From now on take no new work. What waits in the queue already is still done."""
        self.draining = True
        self.end_spare_time()

    async def idle(self) -> None:
        """Return when nothing runs and nothing waits."""
        await self._line.empty()
        while self._warming:
            await self._warmed.wait()

    @contextmanager
    def spare_time(self) -> Iterator[None]:
        """What runs in here is cancelled the moment somebody comes or the desk drains, and at once unless it is idle.

        For one at a time. Whoever comes does not wait for it: the engine drops cancelled jobs after the step that runs.
        """
        with anyio.CancelScope() as self._spare:
            if self._line.busy or self._warming or self.draining:
                self.end_spare_time()
            try:
                yield
            finally:
                self._spare = None

    def end_spare_time(self) -> None:
        if self._spare is not None:
            self._spare.cancel()

    @property
    def capacity(self) -> int:
        """Jobs that it can have at a time: those that hold a slot and those that wait for one."""
        return self.engine.info.slots + self._max_queued

    @cached_property
    def pace(self) -> Pace:
        """How fast the engine is, once it is loaded."""
        return Pace(self.engine.info.slots)

    def speed(self) -> Speed | None:
        """The measured curve as it is told to others; None: nothing was measured yet."""
        return told(self.pace.curve(), self._clock())

    @cached_property
    def _line(self) -> Line:
        return Line(self.engine.info.slots, self._max_queued, self._clock)

    def _refuse_while_draining(self) -> None:
        if self.draining:
            raise Draining("This agent is shutting down.", retry_after_s=RETRY_AFTER_DRAIN_S)

    @contextmanager
    def _visit(self) -> Iterator[Visit]:
        visit = Visit(self._company, self._clock())
        try:
            yield visit
        finally:
            visit.leave(self._clock())

    async def _measured(self, piece: Piece | None, rest: AsyncIterator[Piece], visit: Visit) -> AsyncIterator[Piece]:
        while piece is not None:
            if piece.counts is not None:
                now = self._clock()
                visit.last_token(now)
                self._learn(piece.counts, visit, now)
            yield piece
            if piece.finish_reason is not None:
                return
            piece = await anext(rest, None)
        raise EngineFailed("The engine ended its answer without a finish.")

    def _learn(self, counts: Counts, visit: Visit, now: float) -> None:
        decoded, read = counts.completion - 1, counts.prompt - counts.cached
        if counts.completion >= MIN_DECODED and visit.decode_s > 0:
            self._tokens_per_s = moved(self._tokens_per_s, decoded / visit.decode_s)
        if read >= MIN_PREFILLED and visit.prefill_s > 0:
            self._prefill_tokens_per_s = moved(self._prefill_tokens_per_s, read / visit.prefill_s)
        if visit.alone:
            self.pace.worked_prefill(read, visit.prefill_s, now)
        if visit.undisturbed:
            self.pace.worked_decode(decoded, visit.decode_s, visit.running, now)
