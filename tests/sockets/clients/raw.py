"""A server that says exactly these bytes, for what no well-behaved server would send."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat

import anyio
from anyio.abc import SocketAttribute, SocketStream

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
OPEN_ENDED = HEAD + b"connection: close\r\n\r\n"  # the body ends where the connection does
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def in_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@dataclass
class Raw:
    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def saying(
    *parts: bytes, then: bytes | None = None, pause_s: float = 0.0, hang: bool = False
) -> AsyncIterator[Raw]:
    """Answers every request with `parts`, `pause_s` apart; then it closes, or waits (`hang`), or repeats `then`."""
    raw = Raw()

    async def serve(stream: SocketStream) -> None:
        raw.connections += 1
        async with stream:
            await _answer(stream, raw, chain(parts, repeat(then) if then is not None else ()), pause_s, hang)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    raw.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield raw
        group.cancel_scope.cancel()


async def _answer(stream: SocketStream, raw: Raw, parts: Iterable[bytes], pause_s: float, hang: bool) -> None:
    try:
        request = b""
        while b"\r\n\r\n" not in request:
            request += await stream.receive()
        raw.requests.append(request)
        for part in parts:
            await stream.send(part)
            await anyio.sleep(pause_s)
        if hang:
            await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass  # the client has gone
