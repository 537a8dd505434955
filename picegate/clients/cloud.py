"""The cloud: any OpenAI-compatible endpoint, behind the port `core.ports.Cloud`."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import aiohttp
import anyio

from picegate.clients.gate import Gate
from picegate.clients.legs import Faults, Http, Phases, leg_headers, proxy_for, send
from picegate.clients.pulse import Pulse
from picegate.clients.stream import Deltas, Payloads
from picegate.clients.verdict import RETRIED, parse_reply, retry_after_of, verdict
from picegate.core.errors import CloudBroken, CloudTimeout, CloudUnavailable, PiceError, RateLimited
from picegate.core.plan import CloudView
from picegate.core.ports import CloudCall, Delta
from picegate.settings import CloudSettings
from picegate.wire.upstream import UpstreamError

FAULTS = Faults("the cloud", CloudUnavailable, CloudTimeout, CloudBroken)
_KEEP_S = 30.0  # idle connections: a handshake with a far cloud costs two round trips
_LONGEST_PAUSE_S = 5.0  # a cloud that asks for more is told to our client instead
_REFUSAL_BYTES = 256 * 1024
_REFUSAL_S = 5.0
_Item = TypeVar("_Item")


class CloudClient:
    """Raises what `core.ports.Cloud` says. Use it as an async context manager, or call `aclose`.

    Args:
        backoff_s: pause before the first retry, doubled for each further one, with jitter.
    """

    def __init__(self, settings: CloudSettings, *, backoff_s: float = 0.25) -> None:
        self._settings = settings
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._phases = Phases(settings.connect_s, settings.first_token_s, settings.between_tokens_s, settings.total_s)
        self._http = Http(connect_s=settings.connect_s, keep_s=_KEEP_S, proxy=proxy_for(self._url))
        self._backoff_s = backoff_s
        self._gate = Gate(settings.max_in_flight, settings.max_queued, settings.queue_s)
        self._pulse = Pulse()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    def view(self) -> CloudView:
        return CloudView(
            up=self._pulse.up,
            model=self._settings.model,
            in_flight=self._gate.in_flight,
            queued=self._gate.queued,
            limit=self._gate.limit,
            context_tokens=self._settings.context_tokens,
            waiting=self._gate.waiting,
        )

    def stream(self, call: CloudCall) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        return self._reply(call, lambda payloads: Deltas(payloads, FAULTS))

    def relay(self, call: CloudCall) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._reply(call, lambda payloads: payloads)

    async def complete(self, call: CloudCall) -> dict[str, Any]:
        body = self._body(call, stream=False)
        async with self._gate.place(call.tokens, call.patience_s, call.placed):
            deadline = asyncio.get_running_loop().time() + self._phases.total_s
            response: aiohttp.ClientResponse | None = None
            try:
                async with asyncio.timeout_at(deadline):
                    response, _ = await self._open(call, body, deadline, whole=True)
                    return parse_reply(await response.read())
            except TimeoutError as error:
                if response is None:
                    self._pulse.missed()
                raise FAULTS.timed_out("whole answer", self._phases.total_s) from error
            except (aiohttp.ClientError, OSError) as error:
                raise CloudBroken(f"the cloud broke off: {str(error) or type(error).__name__}") from error
            except UpstreamError as error:
                raise CloudBroken(f"the cloud: {error.message or error.code}") from error
            finally:
                if response is not None:
                    response.close()

    @asynccontextmanager
    async def _reply(
        self, call: CloudCall, read: Callable[[Payloads], AsyncIterator[_Item]]
    ) -> AsyncIterator[AsyncIterator[_Item]]:
        body = self._body(call, stream=True)
        async with self._gate.place(call.tokens, call.patience_s, call.placed):
            deadline = asyncio.get_running_loop().time() + self._phases.total_s
            response, sent = await self._open(call, body, deadline)
            payloads = Payloads(response, self._phases, FAULTS, sent=sent, deadline=deadline)
            try:
                yield read(payloads)
            finally:
                await payloads.aclose()

    def _body(self, call: CloudCall, *, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {**call.payload, "model": self._settings.model, "stream": stream}
        body.pop("pice", None)
        options = body.pop("stream_options", None)
        if stream:  # the ledger needs the usage, whether or not the client asked for it; the door leaves it out again
            body["stream_options"] = {**(options if isinstance(options, Mapping) else {}), "include_usage": True}
        return body

    async def _open(
        self, call: CloudCall, body: Mapping[str, Any], deadline: float, *, whole: bool = False
    ) -> tuple[aiohttp.ClientResponse, float]:
        """A reply with status 200 and the moment its request was sent. Only here is anything tried again.

        `whole`: the reply comes in one piece, and the caller sees to the deadline.
        """
        key = self._settings.api_key.get_secret_value()
        headers = leg_headers(call.kind, call.request_id, key, call.level)
        for attempt in range(self._settings.retries + 1):
            sent = asyncio.get_running_loop().time()
            asked_s: float | None = None
            try:
                response = await send(
                    self._http, self._url, headers, body, self._phases, FAULTS, deadline=None if whole else deadline
                )
            except CloudUnavailable as error:
                failure: PiceError = error
            except CloudTimeout:
                self._pulse.missed()
                raise
            else:
                if 200 <= response.status < 300:
                    self._pulse.beat()
                    return response, sent
                asked_s = retry_after_of(response.headers, datetime.now(UTC))
                failure = verdict(response.status, await _refusal(response), retry_after_s=asked_s)
                if not isinstance(failure, CloudUnavailable | RateLimited) or response.status not in RETRIED:
                    self._pulse.beat()
                    raise failure
            pause_s = asked_s if asked_s is not None else self._backoff_s * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311
            too_long = pause_s > _LONGEST_PAUSE_S or asyncio.get_running_loop().time() + pause_s >= deadline
            if attempt == self._settings.retries or too_long:
                break
            await anyio.sleep(pause_s)
        if isinstance(failure, CloudUnavailable):
            self._pulse.missed()
        raise failure


async def _refusal(response: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal, as much of it as is worth reading; the response is closed."""
    body = bytearray()
    try:
        with anyio.move_on_after(_REFUSAL_S):
            while len(body) <= _REFUSAL_BYTES and (data := await response.content.readany()):
                body += data
    except (aiohttp.ClientError, OSError):
        pass  # the status says enough
    finally:
        response.close()
    return bytes(body)
