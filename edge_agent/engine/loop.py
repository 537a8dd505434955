"""The thread that decodes. It takes orders between two steps, and tells the event loops what came of each."""

import asyncio
import logging
import queue
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

from edge_agent.engine.backend import Backend
from edge_agent.engine.batch import Batch, Sampled
from edge_agent.engine.passage import Passage
from edge_agent.engine.port import Piece, Stats
from edge_agent.engine.scheduler import Scheduler
from edge_agent.engine.sequence import Phase, Sequence
from edge_agent.errors import EngineFailed

log = logging.getLogger("edge_agent")
News = Piece | EngineFailed | None  # None: the prompt is held, which is all that was asked for


@dataclass(slots=True, eq=False)
class Order:
    """A sequence to be worked on, and whom to tell. Made on the event loop that will read `news`.

    Attribute `passage`: None where the prompt is only to be held.
    """

    sequence: Sequence
    passage: Passage | None = None
    news: "asyncio.Queue[News]" = field(default_factory=asyncio.Queue)
    home: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


class DecodeLoop:
    """Owns the backend from now on, and closes it when it ends."""

    def __init__(self, backend: Backend) -> None:
        self._steps = 0
        self._step_s = 0.0
        self._python_s = 0.0
        self._backend = backend
        self._scheduler = Scheduler(backend.limits)
        self._orders: dict[Sequence, Order] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Order] | None] = queue.SimpleQueue()
        self._mail: dict[asyncio.AbstractEventLoop, list[tuple[Order, News]]] = defaultdict(list)
        self._step_began: float | None = None
        self._broken = False
        # A daemon, since a step that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> bool:
        """It has ended, by a fault of its own or since it was closed."""
        return self._broken

    def stats(self) -> Stats:
        """Read while steps run: figures of this moment, or of one just before."""
        backend, scheduler = self._backend, self._scheduler
        return Stats(
            steps=self._steps,
            step_s=self._step_s,
            python_s=self._python_s,
            cells=backend.limits.cells,
            held=scheduler.cells,
            cell_bytes=backend.cell_bytes,
            evicted=scheduler.evicted,
            waiting=scheduler.waiting,
        )

    def hung_for(self) -> float:
        """Since when the step that runs now is running, seconds; 0 between steps."""
        began = self._step_began
        return 0.0 if began is None else time.monotonic() - began

    def submit(self, order: Order) -> None:
        self._inbox.put(("work", order))
        if self._broken:  # it may have ended before it could see this
            order.news.put_nowait(EngineFailed("The engine has stopped."))

    def cancel(self, order: Order) -> None:
        """Nobody waits for it any more: it is left after the step that runs now."""
        self._inbox.put(("leave", order))

    def close(self) -> None:
        """Blocks until the step that runs now is over and everything is freed."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        reason = "The engine is being closed."
        try:
            while self._receive():
                self._step()
        except Exception as error:
            log.exception("the decode thread broke")
            reason = f"The engine broke: {error}"
        self._broken = True
        self._turn_away(reason)
        self._backend.close()

    def _turn_away(self, reason: str) -> None:
        """Tell all who wait, also those whose orders were not looked at yet, that nothing will come."""
        while True:
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                break
            if message is not None and message[0] == "work":
                self._orders[message[1].sequence] = message[1]
        for order in list(self._orders.values()):
            self._tell(order, EngineFailed(reason))
            self._forget(order)
        self._send()

    def _receive(self) -> bool:
        """Take what orders there are; wait for one when there is nothing to do. False: it is time to end."""
        while True:
            try:
                message = self._inbox.get(block=not self._scheduler.has_work)
            except queue.Empty:
                return True
            if message is None:
                return False
            verb, order = message
            if verb == "work":
                self._orders[order.sequence] = order
                self._scheduler.add(order.sequence)
            elif order.sequence in self._orders:
                self._scheduler.leave(order.sequence)
                self._forget(order)

    def _step(self) -> None:
        began = time.perf_counter()
        native_s = self._backend.native_s
        batch = self._scheduler.next()
        try:
            sampled = self._decode(batch)
        except Exception as error:
            log.exception("a decode step failed: %d sequences are given up", len(batch.runs))
            self._give_up(batch, error)
            self._send()
            return
        self._scheduler.commit(batch, sampled)
        self._report(batch, sampled)
        self._send()
        self._steps += 1
        step_s = time.perf_counter() - began
        self._step_s += step_s
        self._python_s += step_s - (self._backend.native_s - native_s)

    def _decode(self, batch: Batch) -> list[Sampled]:
        self._step_began = time.monotonic()
        try:
            return self._backend.decode(batch)
        finally:
            self._step_began = None

    def _report(self, batch: Batch, sampled: list[Sampled]) -> None:
        for sequence in batch.warmed:
            self._tell(self._orders[sequence], None)
        drawn = iter(sampled)
        for run in batch.runs:
            order = self._orders[run.sequence]
            if run.samples and order.passage is not None:
                piece = order.passage.feed(next(drawn))
                if order.passage.stopped:
                    self._scheduler.leave(run.sequence)
                if piece is not None:
                    self._tell(order, piece)
            if run.sequence.phase is Phase.DONE:
                self._tell(order, order.passage.finish(run.sequence) if order.passage is not None else None)
                self._forget(order)
        for sequence in batch.warmed:
            self._forget(self._orders[sequence])

    def _give_up(self, batch: Batch, error: Exception) -> None:
        for sequence in (*batch.warmed, *(run.sequence for run in batch.runs)):
            order = self._orders[sequence]
            self._scheduler.leave(sequence, keep=False)
            self._tell(order, EngineFailed(f"The engine broke: {error}"))
            self._forget(order)

    def _forget(self, order: Order) -> None:
        del self._orders[order.sequence]
        if order.sequence.sampler is not None:
            order.sequence.sampler.close()

    def _tell(self, order: Order, news: News) -> None:
        self._mail[order.home].append((order, news))

    def _send(self) -> None:
        """All news of a step in one call for each event loop."""
        for home, news in self._mail.items():
            with suppress(RuntimeError):  # that loop is closed, and nobody waits there
                home.call_soon_threadsafe(_deliver, news)
        self._mail.clear()


def _deliver(mail: list[tuple[Order, News]]) -> None:
    for order, news in mail:
        order.news.put_nowait(news)
