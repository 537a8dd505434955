"""The front door, put together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.protocol import REQUEST_ID_HEADER
from picegate.api.admin import admin_router
from picegate.api.chat import CHAT_PATHS, Chat, chat_router
from picegate.api.deps import House
from picegate.api.errors import install_handlers
from picegate.api.health import health_router
from picegate.api.middleware import BodyLimit, Faults, RequestIds
from picegate.api.models import models_router
from picegate.api.nodes import nodes_router
from picegate.api.openapi import describe
from picegate.wire.plan import MODE_HEADER, REASON_HEADER

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]

_EXPOSED = (REQUEST_ID_HEADER, MODE_HEADER, REASON_HEADER, "retry-after", "retry-after-ms", "x-should-retry")


class Gateway(FastAPI):
    """FastAPI with a shorter way for chat requests, past its router and its layers."""

    chat: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in CHAT_PATHS:
            await self.chat(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build_api(house: House, lifespan: Lifespan | None = None) -> FastAPI:
    """Every route of the gateway over `house`. `lifespan`: what must run while it is served."""
    app = Gateway(
        title="picegate",
        version=version("picegate"),
        description="An OpenAI-compatible gateway for progressive inference.",
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would name this host, not the proxy in front of it
        redoc_url=None,
    )
    for router in (chat_router, models_router, nodes_router, admin_router, health_router):
        app.include_router(router(house))
    install_handlers(app)
    server = house.settings.server
    # From the inside out: an answer to a preflight or to a body too large has its request id, too.
    layers: list[Middleware] = [Middleware(BodyLimit, limit=server.max_body_bytes), Middleware(Faults)]
    if server.cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=server.cors_origins,
                allow_methods=("GET", "POST", "DELETE", "OPTIONS"),
                allow_headers=("*",),
                expose_headers=_EXPOSED,
            )
        )
    layers.append(Middleware(RequestIds))
    app.chat = Chat(house)
    for layer in layers:
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
        app.chat = layer.cls(app.chat, *layer.args, **layer.kwargs)
    app.openapi = _once(partial(describe, app))  # type: ignore[method-assign]
    return app


def _once(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        if not made:
            made.append(make())
        return made[0]

    return document
