"""Is it alive, can it answer, what does it count."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from picegate.api.deps import House


def health_router(house: House) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health", summary="State in short")
    async def health() -> dict[str, Any]:
        return _state(house)

    @router.get("/health/live", summary="The process runs")
    async def live() -> dict[str, Any]:
        return {"status": "ok"}

    @router.get("/health/ready", summary="Somebody can answer: the cloud or an edge (else 503)")
    async def ready() -> Response:
        state = _state(house)
        return JSONResponse(state, 503 if state["status"] == "down" else 200)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        body, content_type = house.metrics.render()
        return Response(body, headers={"content-type": content_type})

    return router


def _state(house: House) -> dict[str, Any]:
    """`status`: "ok", "degraded" (one side is missing) or "down" (nobody can answer)."""
    cloud = house.cloud_view()
    nodes = house.registry.view()
    ready = sum(node.usable for node in nodes)
    whole = cloud.up and (ready or not nodes)
    status = "ok" if whole else "degraded" if cloud.up or ready else "down"
    return {
        "status": status,
        "version": version("picegate"),
        "cloud": {"up": cloud.up, "model": cloud.model},
        "nodes": {"ready": ready, "known": len(nodes)},
    }
