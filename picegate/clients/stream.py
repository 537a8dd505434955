"""The stream of one upstream reply, read payload by payload under the timeouts of its phases."""

import asyncio
import json
import math
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import aiohttp
import anyio

from picegate.clients.legs import Faults, Phases
from picegate.core.errors import PiceError
from picegate.core.ports import Delta
from picegate.wire.sse import SseDecoder
from picegate.wire.thinking import ThinkingSplitter
from picegate.wire.upstream import UpstreamError, error_in, parse_delta

# In JSON a quote inside a string is escaped, so these find keys only, never text of the answer.
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_CONTENT = re.compile(rb'"(?:content|reasoning_content|reasoning|refusal|name|arguments|text)"\s*:\s*(?:"[^"]|\[)')
_OPENINGS = 2  # payloads that may come before the first token (role; Azure's filter report), whatever their shape
_DRAIN_S = 0.1


class _Overdue(Exception):
    """The read under way has taken longer than its phase may."""


class Payloads(AsyncIterator[bytes]):
    """The data payloads of one streamed reply, without `[DONE]`, each looked at only by cheap searches for bytes.

    Iterating raises `faults.timeout` naming the phase, and `faults.broken` where the stream carries an error, is cut or
    ends without a finish reason. `aclose` closes the connection, unless the reply was read whole.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, phases: Phases, faults: Faults, *, sent: float, deadline: float
    ) -> None:
        self._response = response
        self._body = response.content
        self._decoder = SseDecoder()
        self._ready: deque[bytes] = deque()
        self._phases = phases
        self._faults = faults
        self._deadline = deadline
        self._phase_end: float | None = sent + phases.first_token_s
        self._seen = 0
        self._begun = False  # a payload with content has come
        self._finished = False  # a finish reason has come
        self._done = False  # `[DONE]` has come
        self._loop = asyncio.get_running_loop()
        self._due = math.inf  # when the read under way takes too long
        self._alarm: asyncio.TimerHandle | None = None
        self._ended = False  # the body has ended,
        self._broken: PiceError | None = None  # and in the wrong place

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self._done or (self._ended and self._finished):
                raise StopAsyncIteration
            if self._ended:
                raise self._broken or self._faults.broken(
                    f"{self._faults.who} ended its stream without a finish reason"
                )
            await self._read()
        payload = self._ready.popleft()
        if payload.startswith(b"[DONE]"):
            self._done = True
            self._ready.clear()
            raise StopAsyncIteration
        self._look(payload)
        return payload

    def at_hand(self) -> bytes | None:
        """The next payload, if it has come with the one before it and is part of the answer."""
        if not self._ready:
            return None
        payload = self._ready[0]
        if payload.startswith(b"[DONE]") or b'"error"' in payload:
            return None
        self._ready.popleft()
        self._note(payload)
        return payload

    def _look(self, payload: bytes) -> None:
        if b'"error"' in payload and (error := error_in(payload)) is not None:
            raise self._faults.broken(f"{self._faults.who} reported an error: {error.message or error.code}")
        self._note(payload)

    def _note(self, payload: bytes) -> None:
        if not self._finished and _FINISH.search(payload):
            self._finished = True
        if not self._begun:
            self._seen += 1
            self._begun = self._finished or self._seen > _OPENINGS or _CONTENT.search(payload) is not None
        if self._begun:
            self._phase_end = None

    async def _read(self) -> None:
        """Wait for the next piece of the body. Time that the reader spends elsewhere is not counted."""
        if self._phase_end is None:
            self._phase_end = self._loop.time() + self._phases.between_tokens_s
        self._due = min(self._phase_end, self._deadline)
        if self._alarm is None or self._alarm.when() > self._due:
            self._set_alarm()
        try:
            if data := await self._body.readany():
                self._ready.extend(self._decoder.feed(data))
            else:
                self._end()
        except _Overdue:
            raise self._overdue(self._phase_end) from None
        except (aiohttp.ClientError, OSError) as error:
            self._cut(str(error) or type(error).__name__, error)
        except ValueError as error:
            raise self._faults.broken(f"{self._faults.who}: {error}") from error
        finally:
            self._due = math.inf

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        """One alarm for many reads, since a timer for each would cost as much as the read: it finds out what is due."""
        self._alarm = None
        if self._loop.time() >= self._due:
            self._body.set_exception(_Overdue())
        elif self._due < math.inf:
            self._set_alarm()

    def _end(self) -> None:
        self._ended = True
        for payload in self._decoder.flush():
            if payload.startswith(b"[DONE]") or _whole(payload):
                self._ready.append(payload)

    def _cut(self, reason: str, error: Exception) -> None:
        """An answer that has its finish reason is whole, even where the connection died before `[DONE]`."""
        self._ended = True
        self._broken = self._faults.broken(f"{self._faults.who} broke off: {reason}")
        self._broken.__cause__ = error
        with suppress(ValueError):
            self._ready.extend(self._decoder.feed(_unread(self._body)))

    def _overdue(self, phase_end: float) -> PiceError:
        if self._deadline <= phase_end:
            return self._faults.timed_out("whole answer", self._phases.total_s)
        if self._begun:
            return self._faults.timed_out("between tokens", self._phases.between_tokens_s)
        return self._faults.timed_out("first token", self._phases.first_token_s)

    async def aclose(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        come = self._done or any(payload.startswith(b"[DONE]") for payload in self._ready)
        try:
            if come and not self._ended and not self._body.is_eof():
                # The end of the body follows `[DONE]` at once; only with it read can the connection be kept.
                with anyio.move_on_after(_DRAIN_S, shield=True), suppress(aiohttp.ClientError, OSError):
                    while await self._body.readany():
                        pass
        finally:
            self._response.close()  # a connection whose reply was read whole has gone back to the pool already


class Deltas(AsyncIterator[Delta]):
    """The same, parsed. Thinking that stands in the answer's text is told as thinking.

    What has come at once is told as one delta: every one of them costs a turn through the whole house.
    """

    def __init__(self, payloads: Payloads, faults: Faults) -> None:
        self._payloads = payloads
        self._faults = faults
        self._splitter = ThinkingSplitter()
        self._next: Delta | PiceError | None = None  # has come already, and is to be told by itself

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        first, self._next = self._next, None
        if isinstance(first, PiceError):
            raise first
        told = [first or self._parsed(await anext(self._payloads))]
        has_text = bool(told[0].text)
        while self._next is None and (payload := self._payloads.at_hand()) is not None:
            try:
                after = self._parsed(payload)
            except PiceError as error:
                self._next = error
            else:
                if has_text and after.reasoning:
                    self._next = after
                else:
                    told.append(after)
                    has_text = has_text or bool(after.text)
        return told[0] if len(told) == 1 else Delta.joined(told)

    def _parsed(self, payload: bytes) -> Delta:
        try:
            delta = parse_delta(payload)
        except UpstreamError as error:
            raise self._faults.broken(f"{self._faults.who}: {error.message}") from error
        if delta.finish_reason is None and (not delta.text or self._splitter.decided):
            return delta
        parts = [self._splitter.feed(delta.text)] if delta.text else []
        if delta.finish_reason is not None:
            parts.append(self._splitter.flush())
        thinking, text = "".join(part.thinking for part in parts), "".join(part.text for part in parts)
        return delta._replace(text=text, reasoning=delta.reasoning + thinking)


def _unread(body: aiohttp.StreamReader) -> bytes:
    """What had come before the connection broke: aiohttp tells of the break first, and keeps the rest to itself."""
    body.set_exception(None)  # type: ignore[arg-type]
    return body.read_nowait()


def _whole(payload: bytes) -> bool:
    """Whether the payload that the end of a body closed is a whole one, or the half of one that was cut."""
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True
