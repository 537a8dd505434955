"""Where edge agents announce themselves; `edge_agent/protocol.py` is the contract."""

from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from edge_agent.protocol import (
    DRAIN_PATH,
    HEARTBEAT_PATH,
    NODE_PATH,
    REGISTER_PATH,
    Heartbeat,
    Lease,
    Register,
    Registered,
    Shape,
)
from picegate.api.auth import bearer
from picegate.api.deps import House
from picegate.api.errors import invalid
from picegate.core.errors import Unauthorized

S = TypeVar("S", bound=Shape)


def nodes_router(house: House) -> APIRouter:
    """Agents carry tokens of their own (enrolment, then node); API keys of clients open nothing here."""
    router = APIRouter(tags=["nodes"])
    registry = house.registry

    @router.post(REGISTER_PATH, summary="Announce an agent", openapi_extra=_body(Register))
    async def register(request: Request) -> Registered:
        token = _token(request, "the enrolment token")
        return registry.register(await _read(request, Register), token)

    @router.post(HEARTBEAT_PATH, summary="Renew a lease", openapi_extra=_body(Heartbeat))
    async def heartbeat(node_id: str, request: Request) -> Lease:
        token = _token(request, "the node's token")
        return registry.heartbeat(node_id, token, await _read(request, Heartbeat))

    @router.post(DRAIN_PATH, status_code=204, summary="Take a node out of service, its work unharmed")
    async def drain(node_id: str, request: Request) -> Response:
        registry.drain(node_id, _token(request, "the node's token"))
        return Response(status_code=204)

    @router.delete(NODE_PATH, status_code=204, summary="Say goodbye")
    async def remove(node_id: str, request: Request) -> Response:
        registry.remove(node_id, _token(request, "the node's token"))
        return Response(status_code=204)

    return router


def _token(request: Request, what: str) -> str:
    token = bearer(request)
    if token is None:
        raise Unauthorized(f"This call needs {what} as its bearer.", code="invalid_token")
    return token


async def _read(request: Request, shape: type[S]) -> S:
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as error:
        raise invalid(error) from None


def _body(shape: type[Shape]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": shape.model_json_schema()}}}}
