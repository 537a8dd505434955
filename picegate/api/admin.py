"""What an operator may see: nodes, usage, single requests. Needs an admin key, unless no keys are required at all."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args

import anyio.to_thread
from fastapi import APIRouter, Request

from picegate.accounting.reader import GroupBy
from picegate.api.auth import Guard
from picegate.api.deps import House
from picegate.core.errors import BadRequest, NotFound
from picegate.core.plan import NodeView
from picegate.planning.standing import Standing


def admin_router(house: House) -> APIRouter:
    router = APIRouter(prefix="/admin/v1", tags=["admin"])
    guard = Guard(house)

    @router.get("/nodes", summary="Every node known, usable or not, and how their models have done")
    async def nodes(request: Request) -> dict[str, Any]:
        """`skill` is that of the node's own model; `models` has it by kind of question. None was judged yet: null."""
        await guard.admin(request)
        fleet = house.registry.view()
        standings = house.standings(fleet)
        data = [_node(node, standings.get(node.model)) for node in fleet]
        models = {model: standing.as_data() for model, standing in standings.items()}
        return {"object": "list", "data": data, "models": models}

    @router.get("/usage", summary="Totals per group, from the ledger")
    async def usage(request: Request, by: str = "mode", since: str | None = None) -> dict[str, Any]:
        """`by`: mode, model, day, key, reason or node. `since`: an ISO 8601 date or time, UTC by default."""
        await guard.admin(request)
        start = _time(since)
        if by == "node":
            listed = await anyio.to_thread.run_sync(partial(house.ledger.nodes, since=start))
            data = [asdict(entry) for entry in listed]
        else:
            grouped = await anyio.to_thread.run_sync(partial(house.ledger.summary, since=start, by=_group(by)))
            data = [asdict(entry) | {"saved": entry.saved} for entry in grouped]
        return {"object": "list", "by": by, "since": start, "data": data}

    @router.get("/requests/{request_id}", summary="One request, with all that a drawing of its timeline needs")
    async def one(request_id: str, request: Request) -> dict[str, Any]:
        await guard.admin(request)
        found = await anyio.to_thread.run_sync(house.ledger.find, request_id)
        if found is None:
            raise NotFound(f"No request has the id '{request_id}'.")
        return found

    return router


def _node(node: NodeView, standing: Standing | None) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(node).items() if name != "api_key"}
    return shown | {"skill": asdict(standing.overall) | {"loses_at": standing.loses_at} if standing else None}


def _group(by: str) -> GroupBy:
    for group in get_args(GroupBy):
        if by == group:
            chosen: GroupBy = group
            return chosen
    raise BadRequest(f"Usage can be grouped by {', '.join(get_args(GroupBy))} or node, not by '{by}'.", param="by")


def _time(said: str | None) -> datetime | None:
    if said is None:
        return None
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        raise BadRequest(f"Not an ISO 8601 date or time: '{said}'.", param="since") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
