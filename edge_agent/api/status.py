"""The gateway's and the operator's side of the agent: status, warm-up, health, metrics."""

import time

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from edge_agent.agent import Agent
from edge_agent.api.body import read_warm
from edge_agent.protocol import STATUS_PATH, WARM_PATH, Status, Warmed


def routes(agent: Agent) -> APIRouter:
    router = APIRouter()
    roster = agent.roster

    @router.get(STATUS_PATH)
    async def status() -> Status:
        info = agent.desk.engine.info
        return Status(
            name=agent.name,
            model=info.name,
            engine=info.engine,
            slots=info.slots,
            context_tokens=info.context_tokens,
            draining=roster.draining,
            registered=agent.registered,
            load=roster.load(),
            speed=agent.desk.speed(),
            uptime_s=round(time.monotonic() - agent.started_s, 3),
            models=tuple(model.status() for model in roster.models),
        )

    @router.post(WARM_PATH)
    async def warm(request: Request) -> Warmed:
        wanted = await read_warm(request, agent.max_body_bytes)
        async with roster.hot(roster.find(wanted.model)) as desk:
            warmth = await desk.warm([m.model_dump() for m in wanted.messages])
        return Warmed(tokens=warmth.tokens, cached=warmth.cached)

    @router.get("/health", response_model=None)
    async def health() -> Response:
        """200 while new work is taken, 503 while draining: what a load balancer wants to know."""
        word = "draining" if roster.draining else "ok"
        return JSONResponse({"status": word}, status_code=503 if roster.draining else 200)

    @router.get("/metrics", response_model=None)
    async def metrics() -> Response:
        return Response(agent.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
