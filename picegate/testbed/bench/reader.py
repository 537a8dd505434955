"""The load generator's own HTTP client: one streamed answer on one connection, every piece timed as it comes."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast

from picegate.testbed.emulated.tokens import tokens_per_word, words_of

AT_ONCE_S = 0.05  # two chunks of a model that is still writing lie further apart


@dataclass(slots=True)
class Heard:
    """One answer as its reader saw it. Moments are of the loop's clock, seconds.

    Attributes:
        moments: of every piece of text; `text` is all of them.
        error: why it is no whole answer; empty where it is.
    """

    due: float
    question: str
    moments: list[float] = field(default_factory=list)
    text: str = ""
    ended: float | None = None
    status: int = 0
    error: str = ""
    mode: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return self.ended is not None and not self.error

    @property
    def latency_s(self) -> float:
        return (self.ended or self.due) - self.due

    @property
    def first_s(self) -> float:
        return self.moments[0] - self.due

    @property
    def words(self) -> int:
        return len(words_of(self.text))

    @property
    def tokens(self) -> float:
        """As the emulation writes them, also in a script without spaces."""
        return self.words * tokens_per_word(self.text)

    @property
    def at_once(self) -> bool:
        """Whether the text came in one piece, or in pieces that follow one another without a pause."""
        return self.moments[-1] - self.moments[0] < AT_ONCE_S

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.moments, self.moments[1:], strict=False)]


async def read_answer(host: str, port: int, body: dict[str, Any], heard: Heard) -> None:
    """Ask for a streamed chat completion and fill `heard`; whatever goes wrong ends up in its `error`."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    data = json.dumps(body).encode()
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(data)}\r\n\r\n"
    ).encode() + data
    try:
        transport, _ = await loop.create_connection(lambda: _Reader(heard, over, request, loop), host, port)
    except OSError as error:
        heard.error = f"connect: {error}"
        return
    try:
        await over
    finally:
        transport.abort()


class _Reader(asyncio.Protocol):
    """Undoes the chunks, splits the events."""

    def __init__(
        self, heard: Heard, over: "asyncio.Future[None]", request: bytes, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._heard = heard
        self._over = over
        self._request = request
        self._loop = loop
        self._raw = bytearray()
        self._text = bytearray()
        self._head_read = False
        self._chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if self._heard.ended is None and not self._heard.error:
            self._heard.error = self._body_error() or "the stream was cut"
        self._finish()

    def data_received(self, data: bytes) -> None:
        self._raw += data
        if not self._head_read and not self._read_head():
            return
        if self._heard.status != 200:
            return
        self._unchunk() if self._chunked else self._take_all()
        *events, rest = self._text.split(b"\n\n")
        self._text = bytearray(rest)
        for event in events:
            self._event(bytes(event))

    def _read_head(self) -> bool:
        end = self._raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._raw[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._heard.status = int(first.split(" ")[1])
        self._heard.mode = headers.get("x-pice-mode", "")
        self._chunked = headers.get("transfer-encoding") == "chunked"
        self._head_read = True
        del self._raw[: end + 4]
        return True

    def _unchunk(self) -> None:
        while (line := self._raw.find(b"\r\n")) >= 0:
            size = int(bytes(self._raw[:line]), 16)
            if len(self._raw) < line + 2 + size + 2:
                return
            self._text += self._raw[line + 2 : line + 2 + size]
            del self._raw[: line + 2 + size + 2]

    def _take_all(self) -> None:
        self._text += self._raw
        self._raw.clear()

    def _event(self, event: bytes) -> None:
        if not event.startswith(b"data: "):
            return
        if event.startswith(b"data: [DONE]"):
            if not self._heard.error:
                self._heard.ended = self._loop.time()
            self._finish()
            return
        data = json.loads(event[6:])
        if "error" in data:
            self._heard.error = str(data["error"].get("code") or data["error"].get("message"))
        self._heard.usage = data.get("usage") or self._heard.usage
        for choice in data.get("choices") or ():
            if text := choice.get("delta", {}).get("content"):
                self._heard.moments.append(self._loop.time())
                self._heard.text += text

    def _body_error(self) -> str:
        if not self._head_read or self._heard.status == 200:
            return ""
        try:
            error = json.loads(bytes(self._raw[self._raw.find(b"{") : self._raw.rfind(b"}") + 1]))["error"]
            return f"{self._heard.status} {error.get('code') or error.get('message')}"
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"status {self._heard.status}"

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
