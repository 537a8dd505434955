"""One request on its way: its event stream, its legs and what it has consumed so far."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Self

from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.core.events import Event, Finished, Planned, RawChunk, RawReply, ReasoningDelta, TextDelta
from picegate.core.plan import Plan
from picegate.core.ports import Clock, CloudCall, Delta
from picegate.core.tokens import estimate_chat_tokens, estimate_tokens
from picegate.core.usage import STALL_S, LegEnd, LegKind, LegRecord, Stall, Tally, Tokens
from picegate.planning.load import Load, Owed

_OUTPUT = (TextDelta, RawChunk, RawReply, ReasoningDelta)


class Run(AsyncIterator[Event]):
    """What the legs of one request share. Iterating it yields the request's events and raises what it failed of.

    Emitting never waits: the events of an answer are few and bounded by its length, and two legs that had to wait for
    a slow reader could overtake one another.
    """

    def __init__(self, ask: Ask, clock: Clock, owed: Owed | None = None) -> None:
        """`owed`: where this request's work that is still to come is counted among everybody's."""
        self.ask = ask
        self.tally = Tally()
        self.owed = owed or Owed(Load())
        self.has_output = False
        self._clock = clock
        self.arrived = clock()
        # Not anyio's memory stream, which lets the loop go round once for every item: an item here is a token.
        self._emitted: deque[Event | Exception] = deque()
        self._reader: asyncio.Future[None] | None = None  # who waits for the next one
        self._ended = False
        self._spoke_s = 0.0  # when the last text went out

    async def __anext__(self) -> Event:
        while not self._emitted:
            if self._ended:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        item = self._emitted.popleft()
        if isinstance(item, Exception):
            raise item
        return item

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return self._clock() - self.arrived

    def follow(self, plan: Plan) -> None:
        """The request is answered by this plan from now on."""
        if plan.chosen is not None:
            self.owed.expect(plan.chosen.cloud_tokens, plan.chosen.edge_tokens)
        self.emit(Planned(plan))

    def emit(self, event: Event) -> None:
        if isinstance(event, _OUTPUT):
            self.has_output = True
            if isinstance(event, TextDelta):
                self._speak(event.segment)
            elif isinstance(event, RawChunk):
                if self.tally.first_token_s is not None:
                    self._speak(0)
            elif isinstance(event, RawReply):
                self.mark_first_token()
        self._put(event)

    def mark_first_token(self) -> None:
        if self.tally.first_token_s is None:
            self.tally.first_token_s = self._spoke_s = self.elapsed()

    def finish(self, finish_reason: str) -> None:
        self._over()
        self.emit(Finished(finish_reason, self.tally))

    def fail(self, error: Exception) -> None:
        self._over()
        if isinstance(error, PiceError):
            error.cloud_spent = self.tally.cloud_spent
        self._put(error)

    def close(self) -> None:
        if not self.tally.total_s:
            self._over()
        self.owed.close()
        self._emitted.clear()
        self.end()

    def end(self) -> None:
        """No more events: iteration stops after those already emitted."""
        self._ended = True
        self._wake()

    def _speak(self, segment: int) -> None:
        """Text goes out. For every token, so no more than a look at the clock and a subtraction."""
        now = self._clock() - self.arrived
        if self.tally.first_token_s is None:
            self.tally.first_token_s = now
        elif now - self._spoke_s >= STALL_S:
            self._stalled(segment, now)
        self._spoke_s = now

    def _stalled(self, segment: int, now: float) -> None:
        self.tally.stalls.setdefault(segment, Stall(segment)).add(self._spoke_s, now - self._spoke_s)

    def _over(self) -> None:
        """The answer has ended; whoever broke it off may have waited for the rest."""
        self.tally.total_s = now = self.elapsed()
        if self.tally.first_token_s is not None and now - self._spoke_s >= STALL_S:
            come_to = (one.segment for one in reversed(self.tally.passages) if one.turn_s is not None)
            self._stalled(next(come_to, 0), now)

    def _put(self, item: Event | Exception) -> None:
        self._emitted.append(item)
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def leg(
        self,
        kind: LegKind,
        where: str,
        model: str,
        prompt: Iterable[str],
        point: int | None = None,
        waited_s: float | None = None,
    ) -> "Leg":
        """Keep the record of one upstream call, to be entered at once, whichever way it ends.

        `prompt`: the texts it was sent, for an estimate where the upstream has no time to name its own count.
        `waited_s`: for a slot, before this.
        """
        record = LegRecord(kind, where, model, self.elapsed(), point, waited_s=waited_s)
        self.tally.legs.append(record)
        return Leg(record, self, prompt)


class Leg:
    """Watches one upstream call as its deltas pass by."""

    def __init__(self, record: LegRecord, run: Run, prompt: Iterable[str]) -> None:
        self.record = record
        self._run = run
        self._prompt = prompt
        self._written = 0
        self._call_at: float = math.inf
        self._call: Callable[[], None] = lambda: None
        self._waits = False  # for a place at the cloud
        self.placed_batch = 1  # how many were in flight when it got one
        self.mean_logprob: float | None = None  # of what it wrote, where the upstream tells

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        record = self.record
        if isinstance(error, PiceError):
            record.end, record.error = LegEnd.FAILED, error.code
        elif error is not None:
            record.end = LegEnd.CANCELLED
        elif record.end is LegEnd.OPEN:
            record.end = LegEnd.DONE
        self.settle()

    def sent(self, call: CloudCall) -> CloudCall:
        """The call with this leg told of the moment when it leaves the queue."""
        self._waits = True
        return replace(call, placed=self._place)

    def see(self, delta: Delta) -> None:
        if delta.text or delta.reasoning:
            self.touch()
            self._write(estimate_tokens(delta.text) + estimate_tokens(delta.reasoning))
        if delta.tokens is not None:
            self.record.tokens = delta.tokens
        if delta.mean_logprob is not None:
            self.mean_logprob = delta.mean_logprob

    @property
    def written(self) -> int:
        """Tokens so far, estimated."""
        return self._written

    def call_at(self, tokens: int, what: Callable[[], None]) -> None:
        """Call `what` once so many were written."""
        self._call_at, self._call = tokens, what

    def count_chunk(self) -> None:
        """A chunk that nobody parses has gone by. Nearly everywhere a chunk is a token."""
        self.touch()
        self._write(1)

    def touch(self) -> None:
        """The upstream has begun to write."""
        if self.record.first_token_s is None:
            self.record.first_token_s = self._run.elapsed()

    def fail(self, reason: str) -> None:
        """The call itself went well, but what it wrote is of no use."""
        self.record.end, self.record.error = LegEnd.FAILED, reason

    def _write(self, tokens: int) -> None:
        self._written += tokens
        if self._written >= self._call_at:
            self._call_at = math.inf
            self._call()
        if self.record.kind is not LegKind.VERIFY:  # a further candidate is owed to nobody
            self._run.owed.wrote(tokens, in_cloud=self.record.is_cloud)

    def _place(self, in_flight: int) -> None:
        self.placed_batch = in_flight
        self._go_out()

    def _go_out(self) -> None:
        now = self._run.elapsed()
        self.record.waited_s, self.record.started_s = now - self.record.started_s, now
        self._waits = False

    def settle(self) -> None:
        if self._waits:  # in vain
            self._go_out()
        self.record.ended_s = self._run.elapsed()
        if self.record.tokens == Tokens() and self._written:
            prompt = estimate_chat_tokens(list(self._prompt))
            self.record.tokens = Tokens(prompt, self._written, estimated=True)

    @property
    def decode_s(self) -> float:
        """Seconds from the first token until now; 0 before it."""
        first = self.record.first_token_s
        return 0.0 if first is None else self._run.elapsed() - first
