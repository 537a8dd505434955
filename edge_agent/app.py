"""The house, built in one place: the program, the tests and the demo all call this."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from edge_agent.agent import Agent
from edge_agent.api import chat, status
from edge_agent.api.errors import as_response
from edge_agent.api.gate import Gate
from edge_agent.desk.desk import Desk
from edge_agent.engine.port import Engine
from edge_agent.errors import AgentError, BadRequest, EngineFailed, NotFound
from edge_agent.metrics import Metrics
from edge_agent.roster.mover import free_room
from edge_agent.roster.roster import Roster
from edge_agent.roster.served import Served, Suit
from edge_agent.settings import Settings

log = logging.getLogger("edge_agent")


def create_app(
    engine: Engine,
    settings: Settings,
    further: Sequence[tuple[Engine, Suit]] = (),
    room: Callable[[], int | None] = free_room,
) -> FastAPI:
    """The agent's HTTP side. `app.state.agent` is the Agent behind it. Its lifespan loads and closes the engines.

    `further` models are engines, each with what sets it up; `room` says how many bytes they may still take.
    """
    others = [Served(Desk(each, max_queued=settings.max_queued), suit) for each, suit in further]
    roster = Roster(Served(Desk(engine, max_queued=settings.max_queued)), others, room=room)
    agent = Agent(
        name=settings.name,
        roster=roster,
        metrics=Metrics(roster.models),
        max_body_bytes=settings.max_body_bytes,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        started_s=time.monotonic(),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with roster.running():
            yield

    app = FastAPI(title="edge-agent", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.agent = agent
    app.include_router(chat.routes(agent))
    app.include_router(status.routes(agent))
    app.add_exception_handler(AgentError, _known_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unknown_error)
    app.add_middleware(Gate, api_key=agent.api_key)
    return app


async def _known_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, AgentError):
        raise error
    return as_response(error)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """What the router itself refuses: unknown paths, wrong methods."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        response = as_response(BadRequest(f"{request.method} is not allowed on {request.url.path}."))
        response.status_code = 405
        return response
    return as_response(NotFound(f"Nothing is served at {request.method} {request.url.path}."))


async def _unknown_error(_: Request, error: Exception) -> JSONResponse:
    log.error("a request failed", exc_info=error)
    return as_response(EngineFailed("The agent failed on this request."))
