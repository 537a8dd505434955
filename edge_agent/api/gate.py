"""In front of every route: request ids, and the key. Plain ASGI, so that a reply sees its own connection."""

import hmac
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.api.errors import as_response
from edge_agent.errors import Unauthorized
from edge_agent.protocol import REQUEST_ID_HEADER

PROTECTED = ("/v1/", "/node/")
_SOUND_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Gate:
    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _SOUND_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        if scope["path"].startswith(PROTECTED) and not self._may_enter(headers.get("authorization", "")):
            refusal = Unauthorized("Incorrect API key provided: present the agent's key as a bearer token.")
            await as_response(refusal)(scope, receive, send_with_id)
            return
        await self._app(scope, receive, send_with_id)

    def _may_enter(self, authorization: str) -> bool:
        if self._api_key is None:
            return True
        scheme, _, presented = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(presented.strip().encode(), self._api_key.encode())
