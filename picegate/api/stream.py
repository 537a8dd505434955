"""The response that owns its answer: when the client goes away, every leg behind it is stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Self, cast

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from picegate.accounting.savings import bill
from picegate.api.deps import House
from picegate.api.errors import JSON, as_pice, error_response
from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.core.events import Event, Finished
from picegate.core.plan import Plan
from picegate.settings import ServerSettings
from picegate.wire.chunks import PING, dump
from picegate.wire.plan import plan_headers
from picegate.wire.reply import ReplyWriter
from picegate.wire.stream import StreamWriter

SSE_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}

WATCH_AFTER_S = 0.05  # an answer that is there sooner is not worth a task that looks whether its reader has left

_FAILED = ("error", "cancelled")


class ChatResponse(Response):
    """Runs one chat request and sends its answer, streamed or whole.

    The answer's context is entered and left here, beside a watcher of the client's connection: a disconnect cancels the
    task, which leaves the context, which stops every upstream leg.
    """

    def __init__(self, house: House, ask: Ask) -> None:
        super().__init__()
        self._house = house
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = cast(asyncio.Task[object], asyncio.current_task())
        watcher: asyncio.Task[None] | None = None
        gone = False

        def leave() -> None:
            nonlocal gone
            if not gone:
                gone = True
                here.cancel()

        async def send_or_leave(message: Message) -> None:
            try:
                await send(message)
            except OSError:  # how servers of ASGI 2.4 say that the client has gone
                leave()
                await asyncio.sleep(0)  # where it takes effect, if it is this task that was sending

        def watch() -> None:
            nonlocal watcher
            # Plain tasks, here and in `EventStream`: ended below, they are as sure as a group's, for a third of it.
            watcher = asyncio.create_task(_when_gone(receive, leave))

        alarm = asyncio.get_running_loop().call_later(WATCH_AFTER_S, watch)
        try:
            if self._ask.stream:
                await self._stream(send_or_leave)
            else:
                await self._whole(scope, receive, send_or_leave)
        except asyncio.CancelledError:
            if not gone or here.uncancel():  # somebody else wants this task to end, too
                raise
        finally:
            alarm.cancel()
            if watcher is not None:
                watcher.cancel()

    async def _stream(self, send: Send) -> None:
        writer = StreamWriter(self._ask, int(time.time()), partial(bill, prices=self._house.prices))
        end = b""

        def take(event: Event) -> Awaitable[None] | None:
            nonlocal end
            data = writer.feed(event)
            if isinstance(event, Finished):
                end = data
            elif data and out.write(data):
                return out.start()
            return None

        with EventStream(send, self._house.settings.server, lambda: writer.plan) as out:
            failure = await self._run(take)
            # Only now, with every leg closed and accounted: who has read the last frame may look for what it left.
            if failure is None:
                await out.finish(end)
            else:
                await out.fail(failure, writer.fail(failure))

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = ReplyWriter(self._ask, int(time.time()), partial(bill, prices=self._house.prices))
        failure = await self._run(writer.feed)
        headers = plan_headers(writer.plan) if writer.plan is not None else {}
        if failure is not None or writer.body is None:
            await error_response(failure or PiceError("The answer has no end."), headers)(scope, receive, send)
            return
        body = dump(writer.body)
        named = {**headers, "content-length": str(len(body)), "content-type": JSON}
        await send({"type": "http.response.start", "status": 200, "headers": _raw(named)})
        await send({"type": "http.response.body", "body": body})

    async def _run(self, take: Callable[[Event], Awaitable[None] | None]) -> PiceError | None:
        """Answer, and hand every event to `take`; what it gives back is waited for.

        What the request failed of is returned.
        """
        failure: Exception | None = None
        ended: Finished | None = None
        try:
            async with self._house.answer(self._ask) as events:
                try:
                    async for event in events:
                        if isinstance(event, Finished):
                            ended = event
                        wanted = ended is None or ended.finish_reason not in _FAILED
                        if wanted and (sent := take(event)) is not None:
                            await sent
                except Exception as error:  # kept from the context, whose task group would wrap it
                    failure = error
        except Exception as error:
            failure = failure or error
        if failure is not None:
            shown = as_pice(failure, self._ask.request_id)
        elif ended is None:
            shown = as_pice(RuntimeError("an answer ended without saying so"), self._ask.request_id)
        elif ended.finish_reason in _FAILED:
            shown = PiceError("The answer could not be finished.", code=ended.error or ended.finish_reason)
        else:
            return None
        shown.cloud_spent |= ended is not None and ended.tally.cloud_spent
        return shown


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _when_gone(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()


class EventStream:
    """An SSE reply. It says 200 with its first bytes, or once `commit_s` has gone by without any.

    Writing never waits. A task beside the writer sends what is there in one message: where the answer comes faster than
    messages go out, several of its frames share one; only the first is sent by the writer itself. Each frame goes out
    whole, so that a ping always stands between two events. Pings come whenever the stream has been silent for `ping_s`.
    """

    def __init__(self, send: Send, settings: ServerSettings, plan: Callable[[], Plan | None]) -> None:
        self._send = send
        self._ping_s = settings.ping_s
        self._plan = plan
        self._written: list[bytes] = []  # and not sent yet
        self._refusal: Response | None = None
        self._started = False
        self._closed = False
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._alarm_at = self._loop.time() + settings.commit_s  # when it has been silent for too long

    def __enter__(self) -> Self:
        self._sender = asyncio.create_task(self._send_all())
        self._alarm = self._loop.call_at(self._alarm_at, self._break_silence)
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        self._sender.cancel()

    def write(self, data: bytes) -> bool:
        """True where it is the first: `start` should follow."""
        self._written.append(data)
        self._wake.set()
        return not self._started and len(self._written) == 1

    async def start(self) -> None:
        """Send the first frame now, not when the sender's turn has come and all that came with the frame is read."""
        await self._send_written()
        await asyncio.sleep(0)  # where the transport sends it

    async def finish(self, end: bytes) -> None:
        """Send what is left, and `end` after it."""
        self._closed = True
        self.write(end)
        await self._sender

    async def fail(self, error: PiceError, frame: bytes) -> None:
        """A refusal with its status where nothing was written yet, else the error's frame."""
        if not self._started and not self._written:
            plan = self._plan()
            self._refusal = error_response(error, plan_headers(plan) if plan is not None else None)
        await self.finish(frame)

    def _break_silence(self) -> None:
        """The alarm is not put off with every write, which would cost a timer each: it finds out when it rings."""
        if self._loop.time() >= self._alarm_at:
            if not self._written:
                self.write(PING)
            self._alarm_at = self._loop.time() + self._ping_s
        self._alarm = self._loop.call_at(self._alarm_at, self._break_silence)

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if await self._send_written():
                return

    async def _send_written(self) -> bool:
        """True: that was the end."""
        async with self._sending:
            if not self._started:
                await self._begin()
            if not self._written:
                return False
            data, self._written, last = b"".join(self._written), [], self._closed
            self._alarm_at = self._loop.time() + self._ping_s
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            return last

    async def _begin(self) -> None:
        self._started = True
        self._alarm.cancel()
        self._alarm = self._loop.call_later(self._ping_s, self._break_silence)
        if self._refusal is not None:
            status, headers = self._refusal.status_code, self._refusal.raw_headers
            self._written = [bytes(self._refusal.body)]
        else:
            plan = self._plan()
            named = SSE_HEADERS | (plan_headers(plan) if plan is not None else {})
            status, headers = 200, _raw(named)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
