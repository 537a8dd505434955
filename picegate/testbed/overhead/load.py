"""The load of the gateway's bench: the same request again and again over a few connections, from a bare protocol.

A client library would take longer over an answer than a gateway does, and hide it.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

ANSWER_S = 20.0  # an answer that takes longer ends the bench
QUESTION = "How does a bicycle stay upright?"
_SHOWN = 300  # bytes of a refusal that are worth printing


class LoadFailed(Exception):
    """A server refused a request, broke off or was too slow."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load. `url` ends in /v1; `word` begins each piece of its answers, `words` are in one of them."""

    name: str
    url: str
    model: str
    key: str = ""
    word: bytes = b"word-"
    words: int = 32


@dataclass(slots=True)
class Run:
    """What one run saw; times are seconds. `first_s`: to the first bytes of a body."""

    seconds: float = 0.0
    first_s: list[float] = field(default_factory=list)
    total_s: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.total_s) / self.seconds


def run(target: Target, *, stream: bool, connections: int, seconds: float, most: int) -> Run:
    """Keep `connections` busy with one request each, for `seconds` or until there were `most` answers.

    Raises:
        LoadFailed: an answer is not the one expected.
    """
    return uvloop.run(_run(target, stream, connections, seconds, most))


async def _run(target: Target, stream: bool, connections: int, seconds: float, most: int) -> Run:
    request, seen = _request(target, stream), Run()
    where = urlsplit(target.url)
    host, port = str(where.hostname), int(where.port or 80)
    loop = asyncio.get_running_loop()
    try:
        opened = await asyncio.gather(
            *(
                loop.create_connection(lambda: _Connection(target, request, seen), host, port)
                for _ in range(connections)
            )
        )
    except OSError as error:
        raise LoadFailed(f"{target.name} cannot be reached: {error}") from error
    lines = [protocol for _, protocol in opened]
    started = time.perf_counter()
    end = started + seconds
    try:
        await asyncio.wait_for(asyncio.gather(*(line.ask_until(end, most) for line in lines)), seconds + ANSWER_S)
    except TimeoutError:
        raise LoadFailed(f"{target.name} did not answer within {ANSWER_S:g} s") from None
    finally:
        for line in lines:
            line.close()
    seen.seconds = time.perf_counter() - started
    return seen


def _request(target: Target, stream: bool) -> bytes:
    body = {"model": target.model, "messages": [{"role": "user", "content": QUESTION}]}
    content = json.dumps(body | ({"stream": True} if stream else {})).encode()
    where = urlsplit(target.url)
    lines = [
        f"POST {where.path}/chat/completions HTTP/1.1",
        f"host: {where.netloc}",
        "content-type: application/json",
        f"content-length: {len(content)}",
        *([f"authorization: Bearer {target.key}"] if target.key else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


class _Connection(asyncio.Protocol):
    """Sends the request whenever it has read an answer; the first answer is read closely, the rest to their ends."""

    def __init__(self, target: Target, request: bytes, seen: Run) -> None:
        self._target = target
        self._request = request
        self._seen = seen
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._until, self._most = 0.0, 0
        self._sent_at = self._first_at = 0.0
        self._checked = False
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio

    async def ask_until(self, end: float, most: int) -> None:
        self._until, self._most = end, most
        self._ask()
        await self._done

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"closed the connection: {error or 'without a word'}")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"does not speak HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        if not self._first_at:
            self._first_at = time.perf_counter()
        if not self._checked:
            self._body.append(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._seen.total_s.append(now - self._sent_at)
        self._seen.first_s.append(self._first_at - self._sent_at)
        if (status := self._parser.get_status_code()) != 200:
            self._fail(f"answered {status}: {b''.join(self._body)[:_SHOWN].decode(errors='replace')}")
            return
        if not self._checked:
            self._check(b"".join(self._body))
        if now >= self._until or len(self._seen.total_s) >= self._most:
            if not self._done.done():
                self._done.set_result(None)
            return
        self._ask()

    def _ask(self) -> None:
        self._first_at = 0.0
        self._sent_at = time.perf_counter()
        if self._transport is not None:
            self._transport.write(self._request)

    def _check(self, body: bytes) -> None:
        words = body.count(self._target.word)
        if words != self._target.words:
            self._fail(f"sent {words} words of {self._target.words}: {body[:_SHOWN].decode(errors='replace')}")
        self._checked = True
        self._body.clear()

    def _fail(self, how: str) -> None:
        if not self._done.done():
            self._done.set_exception(LoadFailed(f"{self._target.name} {how}"))
