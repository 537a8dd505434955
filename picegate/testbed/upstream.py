"""A fake OpenAI-compatible upstream on a real socket: answers by script, remembers every call, tells what happens."""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Self

import anyio

from edge_agent.protocol import CHAT_PATH, MODELS_PATH
from picegate.testbed.calls import Call
from picegate.testbed.frames import chunk, completion, delta_of, ending, frame, models, refusal_body
from picegate.testbed.script import Answer, Drop, Ends, Refusal, Reply, Script
from picegate.testbed.server import LoopServer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ScriptedUpstream:
    """A FAKE: no model behind it. Use it as an async context manager; then `url` (ending in /v1) answers.

    Attributes:
        calls: every chat completion asked for, in order of arrival, open ones included.
    """

    def __init__(self, *, model: str, script: Script | None = None, api_key: str | None = None, port: int = 0) -> None:
        self.model = model
        self.api_key = api_key
        self.calls: list[Call] = []
        self._script = script
        self._by_leg: dict[str, list[Answer] | Script] = {}
        self._changed = anyio.Event()
        self._server = LoopServer(self, port=port)

    # What it is told.

    def on(self, leg: str, *answers: Answer, by: Script | None = None) -> Self:
        """Answer calls of this leg in turn, the last answer again and again; or by a function of the call."""
        if by is None and not answers:
            raise ValueError("on() needs answers, or by=...")
        self._by_leg[leg] = by or list(answers)
        return self

    def answer(self, call: Call) -> Answer:
        """The script's answer, else the fake's own."""
        scripted = self._by_leg.get(call.leg)
        if isinstance(scripted, list):
            return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if scripted is not None:
            return scripted(call)
        return self._script(call) if self._script is not None else self.default(call)

    def default(self, call: Call) -> Answer:
        """What it says when no script does."""
        raise NotImplementedError

    # What it tells.

    @property
    def url(self) -> str:
        return f"{self._server.root}/v1"

    @property
    def root(self) -> str:
        return self._server.root

    @property
    def open_legs(self) -> int:
        """Calls that are neither answered nor given up."""
        return sum(call.ended is None for call in self.calls)

    def legs(self, *kinds: str) -> list[Call]:
        """The calls of these legs."""
        return [call for call in self.calls if call.leg in kinds]

    async def until(self, condition: Callable[[Self], bool], timeout_s: float = 5.0) -> None:
        """Wait for something to be true of this fake: `await edge.until(lambda e: e.open_legs == 0)`.

        It is looked at whenever a call arrives, sends a piece or ends.

        Raises:
            TimeoutError: it did not come true.
        """
        with anyio.fail_after(timeout_s):
            while not condition(self):
                await self._changed.wait()

    # Life and death.

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    def kill(self) -> None:
        """Abort every open connection and stop listening: from now on connections are refused."""
        self._server.kill()

    # The ASGI side.

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body = await _read(receive)
        if self.api_key is not None and headers.get("authorization") != f"Bearer {self.api_key}":
            refusal = Refusal(401, message="Incorrect API key provided.", code="invalid_api_key")
            await _whole(send, 401, refusal_body(refusal))
            return
        await self.route(scope, headers, body, receive, send)

    async def route(
        self, scope: MutableMapping[str, Any], headers: dict[str, str], body: Any, receive: Receive, send: Send
    ) -> None:
        path = scope["path"]
        if path == MODELS_PATH and scope["method"] == "GET":
            await reply_json(send, models(self.model))
        elif path == CHAT_PATH and scope["method"] == "POST":
            call = Call(path, body, headers, time.monotonic(), number=len(self.calls), client=scope.get("client"))
            self.calls.append(call)
            self._tell()
            await self._run(call, scope, receive, send)
        else:
            await _whole(send, 404, refusal_body(Refusal(404, message="no such path", code="not_found")))

    async def _run(self, call: Call, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one call, and stop the moment its client goes away."""
        whole = False
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await self._play(call, self.answer(call), send)
                whole = True
            except _Close as close:
                whole = True
                transport = self._server.connection(scope["client"])
                if transport is not None:
                    transport.abort() if close.hard else transport.close()
                await anyio.sleep_forever()  # until the watcher sees the connection gone
            finally:
                call.closed_by_client = not whole and self._server.listening
                call.ended = time.monotonic()
                self._tell()
            group.cancel_scope.cancel()

    async def _play(self, call: Call, answer: Answer, send: Send) -> None:
        match answer:
            case Drop():
                raise _Close(hard=True)
            case Refusal():
                headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
                await _whole(send, answer.status, refusal_body(answer), headers)
            case Reply() if call.streamed:
                await self._stream(call, answer, send)
            case Reply():
                await self._complete(call, answer, send)

    async def _stream(self, call: Call, reply: Reply, send: Send) -> None:
        if reply.before is not None:
            await reply.before.wait()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if reply.status_before is not None:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await reply.status_before.wait()
        await _more(send, frame(chunk(call, self.model, {"role": "assistant", "content": ""})))
        for piece in reply.pieces:
            if piece.after is not None:
                await piece.after.wait()
            await _more(send, frame(chunk(call, self.model, delta_of(piece), **piece.extra)))
            call.sent += 1
            self._tell()
        match reply.ends:
            case Ends.FINISH:
                await _more(send, b"".join(ending(call, self.model, reply)))
                await send({"type": "http.response.body", "body": b""})
            case Ends.HANG:
                await anyio.sleep_forever()
            case Ends.ERROR:
                await _more(send, frame({"error": reply.error}))
                raise _Close(hard=False)
            case Ends.CUT:
                raise _Close(hard=False)

    async def _complete(self, call: Call, reply: Reply, send: Send) -> None:
        for gate in (reply.before, reply.status_before, *(piece.after for piece in reply.pieces)):
            if gate is not None:
                await gate.wait()
        match reply.ends:
            case Ends.FINISH:
                call.sent = len(reply.pieces)
                await reply_json(send, completion(call, self.model, reply))
            case Ends.HANG:
                await anyio.sleep_forever()
            case Ends.ERROR:
                await _whole(send, 500, json.dumps({"error": reply.error}).encode())
            case Ends.CUT:
                await send(
                    {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
                )
                await _more(send, b'{"id": "chatcmpl-fake')
                raise _Close(hard=False)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Close(Exception):
    """Close the connection now; unless `hard`, what was written goes out first."""

    def __init__(self, *, hard: bool) -> None:
        self.hard = hard


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive: Receive) -> Any:
    """The JSON body; an empty object where it is none."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return {}
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    try:
        return json.loads(b"".join(parts) or b"{}")
    except ValueError:
        return {}


async def _more(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def reply_json(send: Send, data: dict[str, Any]) -> None:
    await _whole(send, 200, json.dumps(data, ensure_ascii=False).encode())


async def _whole(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = [(b"content-type", b"application/json"), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
