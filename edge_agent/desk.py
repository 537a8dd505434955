"""The desk in front of the engine: lets jobs in, counts and measures them, and closes for good when asked to drain."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property

import anyio

from edge_agent.company import Company, Visit
from edge_agent.engine.pace import MIN_DECODED, MIN_PREFILLED, Pace
from edge_agent.engine.port import Counts, Engine, Job, Piece, Warmth, WireMessage
from edge_agent.errors import Draining, EngineFailed, Overloaded
from edge_agent.protocol import Load, Speed
from edge_agent.speed import told

EWMA_WEIGHT = 0.2  # of the newest job
RETRY_AFTER_S = 1.0
RETRY_AFTER_DRAIN_S = 5.0


class Desk:
    """Jobs beyond the engine's slots wait here in turn, at most `max_queued` of them.

    `clock` gives seconds, monotonic. Attribute `draining`: no new work is taken.
    """

    def __init__(self, engine: Engine, *, max_queued: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self.draining = False
        self._max_queued = max_queued
        self._clock = clock
        self._busy = 0
        self._queued = 0
        self._left = anyio.Event()
        self._tokens_per_s: float | None = None
        self._prefill_tokens_per_s: float | None = None
        self._company = Company()
        self._spare: anyio.CancelScope | None = None

    def load(self) -> Load:
        return Load(
            slots_busy=self._busy,
            queued=self._queued,
            tokens_per_s=self._tokens_per_s,
            prefill_tokens_per_s=self._prefill_tokens_per_s,
        )

    @asynccontextmanager
    async def work(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        """As `Engine.generate`, once it is this job's turn.

        Raises:
            Overloaded: the queue is full. Draining: no new work is taken.
        """
        async with self._slot():
            with self._visit() as visit:
                async with self.engine.generate(job) as pieces:
                    yield self._measured(pieces, visit)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        """As `Engine.warm`, but only while a slot is free: warming must not keep real work waiting.

        Raises:
            Overloaded: no slot is free. Draining: no new work is taken.
        """
        if self._busy + self._queued >= self.engine.info.slots:
            raise Overloaded("All slots are busy; nothing was warmed.", retry_after_s=RETRY_AFTER_S)
        async with self._slot():
            with self._visit():
                return await self.engine.warm(messages)

    def drain(self) -> None:
        """From now on take no new work. What waits in the queue already is still done."""
        self.draining = True
        self._end_spare_time()

    async def idle(self) -> None:
        """Return when nothing runs and nothing waits."""
        while self._busy or self._queued:
            await self._left.wait()

    @contextmanager
    def spare_time(self) -> Iterator[None]:
        """What runs in here is cancelled the moment somebody comes or the desk drains, and at once unless it is idle.

        For one at a time. Whoever comes does not wait for it: the engine drops cancelled jobs after the step that runs.
        """
        with anyio.CancelScope() as self._spare:
            if self._busy or self._queued or self.draining:
                self._end_spare_time()
            try:
                yield
            finally:
                self._spare = None

    @cached_property
    def pace(self) -> Pace:
        """How fast the engine is, once it is loaded."""
        return Pace(self.engine.info.slots)

    def speed(self) -> Speed | None:
        """The measured curve as it is told to others; None: nothing was measured yet."""
        return told(self.pace.curve(), self._clock())

    @cached_property
    def _slots(self) -> anyio.Semaphore:
        return anyio.Semaphore(self.engine.info.slots)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self.draining:
            raise Draining("This agent is shutting down.", retry_after_s=RETRY_AFTER_DRAIN_S)
        if self._busy + self._queued >= self.engine.info.slots + self._max_queued:
            raise Overloaded("All slots are busy and the queue is full.", retry_after_s=RETRY_AFTER_S)
        self._queued += 1
        self._end_spare_time()
        try:
            await self._slots.acquire()
        finally:
            self._queued -= 1
            self._somebody_left()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._slots.release()
            self._somebody_left()

    @contextmanager
    def _visit(self) -> Iterator[Visit]:
        visit = Visit(self._company, self._clock())
        try:
            yield visit
        finally:
            visit.leave(self._clock())

    def _end_spare_time(self) -> None:
        if self._spare is not None:
            self._spare.cancel()

    def _somebody_left(self) -> None:
        self._left.set()
        self._left = anyio.Event()

    async def _measured(self, pieces: AsyncIterator[Piece], visit: Visit) -> AsyncIterator[Piece]:
        begun = False
        async for piece in pieces:
            now = self._clock()
            if not begun:
                visit.first_token(now)
                begun = True
            if piece.counts is not None:
                visit.last_token(now)
                self._learn(piece.counts, visit, now)
            yield piece
            if piece.finish_reason is not None:
                return
        raise EngineFailed("The engine ended its answer without a finish.")

    def _learn(self, counts: Counts, visit: Visit, now: float) -> None:
        decoded, read = counts.completion - 1, counts.prompt - counts.cached
        if counts.completion >= MIN_DECODED and visit.decode_s > 0:
            self._tokens_per_s = _ewma(self._tokens_per_s, decoded / visit.decode_s)
        if read >= MIN_PREFILLED and visit.prefill_s > 0:
            self._prefill_tokens_per_s = _ewma(self._prefill_tokens_per_s, read / visit.prefill_s)
        if visit.alone:
            self.pace.worked_prefill(read, visit.prefill_s, now)
        if visit.undisturbed:
            self.pace.worked_decode(decoded, visit.decode_s, visit.running, now)


def _ewma(old: float | None, new: float) -> float:
    return new if old is None else (1 - EWMA_WEIGHT) * old + EWMA_WEIGHT * new
