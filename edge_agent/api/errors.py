"""The one table from our errors to OpenAI's, and the two forms it is sent in."""

from typing import Any

from starlette.responses import JSONResponse

from edge_agent import errors

# class -> (status, type, code); a subclass stands before its parent
_TABLE: tuple[tuple[type[errors.AgentError], int, str, str | None], ...] = (
    (errors.ContextTooLong, 400, "invalid_request_error", "context_length_exceeded"),
    (errors.BadRequest, 400, "invalid_request_error", "invalid_value"),
    (errors.Unauthorized, 401, "invalid_request_error", "invalid_api_key"),
    (errors.ModelNotFound, 404, "invalid_request_error", "model_not_found"),
    (errors.NotFound, 404, "invalid_request_error", "not_found"),
    (errors.TooLarge, 413, "invalid_request_error", "request_too_large"),
    (errors.Draining, 503, "server_error", "draining"),
    (errors.ModelDoesNotFit, 503, "server_error", "model_does_not_fit"),
    (errors.TooLate, 503, "server_error", "deadline_exceeded"),
    (errors.Overloaded, 503, "server_error", "overloaded"),
    (errors.AgentError, 500, "server_error", "engine_failed"),
)


def as_body(error: errors.AgentError) -> dict[str, Any]:
    """OpenAI's error object, all four fields."""
    _, kind, code = _row(error)
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": code}}


def as_response(error: errors.AgentError) -> JSONResponse:
    headers = {}
    if isinstance(error, errors.Overloaded):
        headers = {
            "retry-after": str(max(1, round(error.retry_after_s))),
            "retry-after-ms": str(round(error.retry_after_s * 1000)),
        }
    return JSONResponse(as_body(error), status_code=_row(error)[0], headers=headers)


def _row(error: errors.AgentError) -> tuple[int, str, str | None]:
    return next((status, kind, code) for cls, status, kind, code in _TABLE if isinstance(error, cls))
