"""`GET /v1/models` and `GET /v1/models/{model}`."""

import time
from typing import Any

from fastapi import APIRouter, Request

from picegate.api.auth import Guard
from picegate.api.deps import House
from picegate.wire.models import model_entry, model_list


def models_router(house: House) -> APIRouter:
    router = APIRouter(tags=["models"])
    guard = Guard(house)
    aliases = house.settings.models
    created = int(time.time())

    @router.get("/v1/models", summary="The model names that requests may use")
    @router.get("/models", include_in_schema=False)
    async def models(request: Request) -> dict[str, Any]:
        await guard.client(request)
        return model_list(aliases, created)

    # An alias may hold slashes, as names on model hubs do.
    @router.get("/v1/models/{model:path}", summary="One model name")
    @router.get("/models/{model:path}", include_in_schema=False)
    async def model(model: str, request: Request) -> dict[str, Any]:
        await guard.client(request)
        return model_entry(model, aliases, created)

    return router
