"""HTTP/1.1 for emulated upstreams, as little as they need: many small writes must cost next to nothing.

One request at a time on a connection, bodies with a content-length, streams in chunks. A client's end is told at once.
"""

import asyncio
from collections.abc import Callable
from typing import cast

_REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 429: b"Too Many Requests", 503: b"Service Unavailable"}
_LIMIT = 64 * 1024  # bytes of a request's head


class Exchange:
    """One request and its answer. `on_gone` is called where the client leaves before the answer is whole."""

    def __init__(
        self, transport: asyncio.Transport, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.on_gone: Callable[[], None] | None = None
        self._transport = transport
        self._begun = False
        self.over = False

    def reply(self, status: int, body: bytes) -> None:
        """The whole answer at once, as JSON."""
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._write(head % (status, _REASONS[status], len(body)) + body)
        self.over = True

    def write(self, data: bytes) -> None:
        """A piece of an event stream; the first brings the status with it."""
        piece = b"%x\r\n%s\r\n" % (len(data), data)
        if not self._begun:
            self._begun = True
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            piece = head + piece
        self._write(piece)

    def end(self) -> None:
        self._write(b"0\r\n\r\n")
        self.over = True

    def abort(self) -> None:
        """Cut the connection, as a box does that loses its power."""
        self.over = True
        self._transport.abort()

    def _write(self, data: bytes) -> None:
        if not self.over and not self._transport.is_closing():
            self._transport.write(data)


class HttpServer(asyncio.Protocol):
    """One connection. `handle` is called with each request once it is whole."""

    def __init__(self, handle: Callable[[Exchange], None]) -> None:
        self._handle = handle
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        exchange = self._exchange
        if exchange is not None and not exchange.over:
            exchange.over = True
            if exchange.on_gone is not None:
                exchange.on_gone()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._buffer) > _LIMIT:
                self._transport.abort()
            return
        first, *lines = self._buffer[:head_end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = headers.get("content-length", "0")
        parts = first.split(" ")
        if not length.isdigit() or len(parts) != 3 or "transfer-encoding" in headers:
            self._transport.abort()
            return
        end = head_end + 4 + int(length)
        if len(self._buffer) < end:
            return
        body = bytes(self._buffer[head_end + 4 : end])
        del self._buffer[:end]
        self._exchange = Exchange(self._transport, parts[0], parts[1], headers, body)
        self._handle(self._exchange)
