"""`POST /v1/chat/completions`."""

import time

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from picegate.api.auth import Guard
from picegate.api.deps import House
from picegate.api.errors import JSON, error_response
from picegate.api.openapi import CHAT_REQUEST, CHAT_RESPONSES
from picegate.api.stream import SSE_HEADERS, ChatResponse
from picegate.core.chat import Ask
from picegate.core.errors import PiceError
from picegate.wire.chat import read_chat
from picegate.wire.chunks import dump
from picegate.wire.explain import explain_body, explain_stream
from picegate.wire.plan import plan_headers

CHAT_PATHS = frozenset(("/v1/chat/completions", "/chat/completions"))


class Chat:
    """The route as a plain ASGI app: no framework between a chat request and its answer."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._guard = Guard(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.respond(Request(scope, receive))
        except PiceError as error:
            response = error_response(error)
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        key = await self._guard.spender(request)
        settings = self._house.settings
        ask = read_chat(
            await body_of(request.receive),
            request_id=request.state.request_id,
            aliases=settings.models,
            default_policy=settings.access.data_policy,
            key_id=key.id if key is not None else None,
            key_level=key.service_level if key is not None else None,
        )
        return _explained(self._house, ask) if ask.options.explain else ChatResponse(self._house, ask)


async def body_of(receive: Receive) -> bytes:
    """The whole body; Starlette's own way there is a generator in a generator.

    Raises:
        ClientDisconnect: it never came.
    """
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def chat_router(house: House) -> APIRouter:
    """The same for FastAPI: what it describes, and what answers where the gateway is mounted in another app."""
    router = APIRouter(tags=["chat"])
    chat = Chat(house)

    @router.post(
        "/v1/chat/completions",
        summary="Answer a conversation",
        response_class=Response,
        openapi_extra={"requestBody": CHAT_REQUEST},
        responses=CHAT_RESPONSES,
    )
    @router.post("/chat/completions", include_in_schema=False)
    async def chat_completions(request: Request) -> Response:
        return await chat.respond(request)

    return router


def _explained(house: House, ask: Ask) -> Response:
    plan = house.plan(ask)
    headers = plan_headers(plan)
    if ask.stream:
        return Response(explain_stream(ask, plan, int(time.time())), headers=SSE_HEADERS | headers)
    return Response(dump(explain_body(ask, plan, int(time.time()))), 200, headers, JSON)
