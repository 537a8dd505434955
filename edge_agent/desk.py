"""The desk in front of the engine: lets jobs in, counts and measures them, and closes for good when asked to drain."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property

import anyio

from edge_agent.engine.port import Counts, Engine, Job, Piece, Warmth, WireMessage
from edge_agent.errors import Draining, EngineFailed, Overloaded
from edge_agent.protocol import Load

EWMA_WEIGHT = 0.2  # of the newest job
MIN_DECODED = 8  # tokens; shorter answers say little about speed
MIN_PREFILLED = 32  # tokens
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
            started = self._clock()
            async with self.engine.generate(job) as pieces:
                yield self._measured(pieces, started)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        """As `Engine.warm`, but only while a slot is free: warming must not keep real work waiting.

        Raises:
            Overloaded: no slot is free. Draining: no new work is taken.
        """
        if self._busy + self._queued >= self.engine.info.slots:
            raise Overloaded("All slots are busy; nothing was warmed.", retry_after_s=RETRY_AFTER_S)
        async with self._slot():
            return await self.engine.warm(messages)

    def drain(self) -> None:
        """From now on take no new work. What waits in the queue already is still done."""
        self.draining = True

    async def idle(self) -> None:
        """Return when nothing runs and nothing waits."""
        while self._busy or self._queued:
            await self._left.wait()

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

    def _somebody_left(self) -> None:
        self._left.set()
        self._left = anyio.Event()

    async def _measured(self, pieces: AsyncIterator[Piece], started: float) -> AsyncIterator[Piece]:
        first: float | None = None
        async for piece in pieces:
            now = self._clock()
            if first is None:
                first = now
            if piece.counts is not None:
                self._learn(piece.counts, prefill_s=first - started, decode_s=now - first)
            yield piece
            if piece.finish_reason is not None:
                return
        raise EngineFailed("The engine ended its answer without a finish.")

    def _learn(self, counts: Counts, *, prefill_s: float, decode_s: float) -> None:
        if counts.completion >= MIN_DECODED and decode_s > 0:
            self._tokens_per_s = _ewma(self._tokens_per_s, (counts.completion - 1) / decode_s)
        if counts.prompt - counts.cached >= MIN_PREFILLED and prefill_s > 0:
            self._prefill_tokens_per_s = _ewma(self._prefill_tokens_per_s, (counts.prompt - counts.cached) / prefill_s)


def _ewma(old: float | None, new: float) -> float:
    return new if old is None else (1 - EWMA_WEIGHT) * old + EWMA_WEIGHT * new
