"""The response that owns its answer: when the client goes away, every leg behind it is stopped."""

import math
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup
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

_FAILED = ("error", "cancelled")


class ChatResponse(Response):
    """Runs one chat request and sends its answer, streamed or whole.

    The answer's context is entered and left here, in a task group with a watcher of the client's connection: a
    disconnect at any time cancels the group, which leaves the context, which stops every upstream leg.
    """

    def __init__(self, house: House, ask: Ask) -> None:
        super().__init__()
        self._house = house
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:

            async def send_or_leave(message: Message) -> None:
                try:
                    await send(message)
                except OSError:  # how servers of ASGI 2.4 say that the client has gone
                    tasks.cancel_scope.cancel()
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(_when_gone, receive, tasks.cancel_scope.cancel)
            if self._ask.stream:
                await self._stream(send_or_leave, tasks)
            else:
                await self._whole(scope, receive, send_or_leave)
            tasks.cancel_scope.cancel()

    async def _stream(self, send: Send, tasks: TaskGroup) -> None:
        writer = StreamWriter(self._ask, int(time.time()), partial(bill, prices=self._house.prices))
        out = _EventStream(send, self._house.settings.server, lambda: writer.plan)
        tasks.start_soon(out.keep_alive)
        end = b""

        async def take(event: Event) -> None:
            nonlocal end
            data = writer.feed(event)
            if isinstance(event, Finished):
                end = data
            elif data:
                await out.write(data)

        failure = await self._run(take)
        # Only now, with every leg closed and accounted: who has read the last frame may look for what it left behind.
        if failure is None:
            await out.write(end, last=True)
        else:
            await out.fail(failure, writer.fail(failure))

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = ReplyWriter(self._ask, int(time.time()), partial(bill, prices=self._house.prices))

        async def take(event: Event) -> None:
            writer.feed(event)

        failure = await self._run(take)
        headers = plan_headers(writer.plan) if writer.plan is not None else {}
        if failure is not None or writer.body is None:
            response = error_response(failure or PiceError("The answer has no end."), headers)
        else:
            response = Response(dump(writer.body), 200, headers, JSON)
        await response(scope, receive, send)

    async def _run(self, take: Callable[[Event], Awaitable[None]]) -> PiceError | None:
        """Answer, and hand every event to `take`; what the request failed of is returned."""
        failure: Exception | None = None
        ended: Finished | None = None
        try:
            async with self._house.answer(self._ask) as events:
                try:
                    async for event in events:
                        if isinstance(event, Finished):
                            ended = event
                        if ended is None or ended.finish_reason not in _FAILED:
                            await take(event)
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


async def _when_gone(receive: Receive, leave: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()


class _EventStream:
    """An SSE reply. It says 200 with its first bytes, or once `commit_s` has gone by without any.

    Each message goes out whole, so that a ping always stands between two events.
    """

    def __init__(self, send: Send, settings: ServerSettings, plan: Callable[[], Plan | None]) -> None:
        self._send = send
        self._settings = settings
        self._plan = plan
        self._starting = anyio.Lock()
        self._started = anyio.Event()
        self._closed = False
        self._wrote_at = -math.inf

    async def write(self, data: bytes, *, last: bool = False) -> None:
        if not self._started.is_set():
            await self._start()
        self._closed |= last
        self._wrote_at = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def fail(self, error: PiceError, frame: bytes) -> None:
        """A refusal with its status where nothing was sent yet, else the error's frame."""
        async with self._starting:
            if not self._started.is_set():
                self._closed = True
                plan = self._plan()
                said = error_response(error, plan_headers(plan) if plan is not None else None)
                await self._send(
                    {"type": "http.response.start", "status": said.status_code, "headers": said.raw_headers}
                )
                await self._send({"type": "http.response.body", "body": said.body})
                return
        await self.write(frame, last=True)

    async def keep_alive(self) -> None:
        """Ping whenever the stream has been silent for `ping_s`; run it beside the writer."""
        with anyio.move_on_after(self._settings.commit_s):
            await self._started.wait()
        await self._start()
        while not self._closed:
            silent_s = time.monotonic() - self._wrote_at
            if silent_s >= self._settings.ping_s:
                await self.write(PING)
            else:
                await anyio.sleep(self._settings.ping_s - silent_s)

    async def _start(self) -> None:
        async with self._starting:
            if self._started.is_set() or self._closed:
                return
            plan = self._plan()
            headers = SSE_HEADERS | (plan_headers(plan) if plan is not None else {})
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": raw})
            self._started.set()
