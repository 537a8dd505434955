"""What every request passes on its way in: a request id, a bound on its body, and a last net for faults of ours."""

import logging
import random
import re
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.protocol import REQUEST_ID_HEADER
from picegate.api.errors import error_response
from picegate.core.errors import TooLarge
from picegate.wire.errors import internal_error

log = logging.getLogger(__name__)

_ID_HEADER = REQUEST_ID_HEADER.encode()
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """Gives every request an id, the client's own where it is sane, and every response the header that names it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        theirs = _header(scope, _ID_HEADER)
        request_id = theirs if theirs is not None and _SANE_ID.fullmatch(theirs) else _new_id()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (_ID_HEADER, request_id)]}
            await send(message)

        await self._app(scope, receive, named)


class Faults:
    """The last net: an exception that nobody foresaw is logged, and the client told no more than that it happened."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            pass  # gone before its body was here: nobody is left to answer
        except Exception:
            log.exception("a request failed", extra={"request_id": scope["state"]["request_id"]})
            if started:
                raise  # half an answer is out; only cutting the connection tells the client
            await error_response(internal_error())(scope, receive, send)


class BodyLimit:
    """Refuses bodies of more than `limit` bytes, whether they are announced or come in chunks."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _header(scope, b"content-length")
        if announced is not None and announced.isdigit() and int(announced) > self._limit:
            await error_response(self._too_large())(scope, receive, send)
            return
        size = 0

        async def counted() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request body is larger than the {self._limit} bytes that are allowed here.")


def _new_id() -> bytes:
    """No secret, only another one each time: it costs no call of the kernel."""
    return b"%032x" % random.getrandbits(128)


def _header(scope: Scope, name: bytes) -> bytes | None:
    found: bytes | None = next((value for key, value in scope["headers"] if key == name), None)
    return found
