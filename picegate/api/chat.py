"""`POST /v1/chat/completions`."""

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from picegate.api.auth import Guard
from picegate.api.deps import House
from picegate.api.errors import JSON
from picegate.api.openapi import CHAT_REQUEST, CHAT_RESPONSES
from picegate.api.stream import SSE_HEADERS, ChatResponse
from picegate.core.chat import Ask
from picegate.wire.chat import read_chat
from picegate.wire.chunks import dump
from picegate.wire.explain import explain_body, explain_stream
from picegate.wire.plan import plan_headers


def chat_router(house: House) -> APIRouter:
    router = APIRouter(tags=["chat"])
    guard = Guard(house)
    settings = house.settings

    @router.post(
        "/v1/chat/completions",
        summary="Answer a conversation",
        response_class=Response,
        openapi_extra={"requestBody": CHAT_REQUEST},
        responses=CHAT_RESPONSES,
    )
    @router.post("/chat/completions", include_in_schema=False)
    async def chat_completions(request: Request) -> Response:
        key = await guard.spender(request)
        ask = read_chat(
            await request.body(),
            request_id=request.state.request_id,
            aliases=settings.models,
            default_policy=settings.access.data_policy,
            key_id=key.id if key is not None else None,
            key_level=key.service_level if key is not None else None,
        )
        return _explained(house, ask) if ask.options.explain else ChatResponse(house, ask)

    return router


def _explained(house: House, ask: Ask) -> Response:
    plan = house.plan(ask)
    headers = plan_headers(plan)
    if ask.stream:
        return Response(explain_stream(ask, plan, int(time.time())), headers=SSE_HEADERS | headers)
    return Response(dump(explain_body(ask, plan, int(time.time()))), 200, headers, JSON)
