"""Whatever goes wrong leaves the house in OpenAI's shape."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from picegate.core.errors import BadRequest, PiceError
from picegate.wire.chunks import dump
from picegate.wire.errors import http_error, internal_error, refusal

log = logging.getLogger(__name__)

JSON = "application/json"


def error_response(error: PiceError, headers: dict[str, str] | None = None) -> Response:
    said = refusal(error)
    return Response(dump(said.body), said.status, {**(headers or {}), **said.headers}, JSON)


def invalid(error: ValidationError | RequestValidationError) -> BadRequest:
    """The first complaint of pydantic, as ours."""
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    about = f"Invalid value for '{param}': " if param else "Invalid request: "
    return BadRequest(about + first["msg"], param=param or None)


def as_pice(error: Exception, request_id: str) -> PiceError:
    """What a client may see of `error`; a fault of ours is logged here and shown as no more than that.

    A task group on the way wraps what it lets through; the error itself is taken out of it.
    """
    leaf = error
    while isinstance(leaf, ExceptionGroup):
        leaf = leaf.exceptions[0]
    if isinstance(leaf, PiceError):
        return leaf
    log.error("a request failed", exc_info=error, extra={"request_id": request_id})
    return internal_error()


def install_handlers(app: FastAPI) -> None:
    @app.exception_handler(PiceError)
    async def _ours(_: Request, error: PiceError) -> Response:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def _validation(_: Request, error: RequestValidationError) -> Response:
        return error_response(invalid(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        messages = {
            404: f"Unknown request URL: {request.method} {request.url.path}.",
            405: f"Not allowed: {request.method} {request.url.path}.",
        }
        message = messages.get(error.status_code, str(error.detail))
        return Response(dump(http_error(error.status_code, message)), error.status_code, error.headers, JSON)
