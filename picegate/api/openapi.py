"""What `/openapi.json` says of routes that read their bodies themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from picegate.core.chat import DataPolicy, Mode, ServiceLevel
from picegate.wire.chat import MAX_STOPS, SERVICE_TIERS
from picegate.wire.messages import ROLES
from picegate.wire.options import MAX_ENSEMBLE

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 1}
_PENALTY = {"type": "number", "minimum": -2, "maximum": 2}
_ERROR_REF = {"$ref": "#/components/schemas/Error"}

_PICE = {
    "type": "object",
    "description": "Who should answer, and how. Everything is optional; the planner decides what is left out.",
    "additionalProperties": False,
    "properties": {
        "mode": {"type": "string", "enum": [mode.value for mode in Mode]},
        "level": {"type": "integer", "minimum": 1, "maximum": 3, "description": "how much is delegated"},
        "ensemble": {"type": "integer", "minimum": 1, "maximum": MAX_ENSEMBLE, "description": "candidates per point"},
        "data_policy": {"type": "string", "enum": [policy.value for policy in DataPolicy]},
        "service_level": {"type": "string", "enum": [level.value for level in ServiceLevel]},
        "explain": {"type": "boolean", "description": "reply with the plan and run nothing"},
    },
}

_MESSAGE = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": list(ROLES)},
        "content": {
            "anyOf": [_TEXT, {"type": "array", "items": {"type": "object"}, "minItems": 1}, {"type": "null"}],
            "description": "text, or a list of parts",
        },
    },
}

CHAT_REQUEST: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "OpenAI's chat completions request. Other fields are accepted; the cloud gets them.",
                "required": ["model", "messages"],
                "additionalProperties": True,
                "properties": {
                    "model": {**_TEXT, "description": "pice, pice-cloud, pice-progressive, pice-edge or an alias"},
                    "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
                    "stream": {"type": "boolean", "default": False},
                    "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
                    "max_completion_tokens": _COUNT,
                    "max_tokens": {**_COUNT, "deprecated": True},
                    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
                    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
                    "seed": {"type": "integer"},
                    "presence_penalty": _PENALTY,
                    "frequency_penalty": _PENALTY,
                    "stop": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": MAX_STOPS}]},
                    "n": {"type": "integer", "minimum": 1, "maximum": 128},
                    "service_tier": {**_TEXT, "enum": list(SERVICE_TIERS)},
                    "pice": _PICE,
                },
                "example": {"model": "pice", "messages": [{"role": "user", "content": "How can I handle stress?"}]},
            }
        }
    },
}


def _refused(why: str) -> dict[str, Any]:
    return {"description": why, "content": {"application/json": {"schema": _ERROR_REF}}}


CHAT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A chat.completion, or with `stream` its chunks as server-sent events. `usage.pice` says who "
        "wrote what; the headers x-pice-mode and x-pice-reason say how it was planned.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": _TEXT}},
    },
    400: _refused("A field is wrong; `param` names it."),
    401: _refused("No key, or a wrong one."),
    404: _refused("Unknown model."),
    429: _refused("Too many requests; see retry-after."),
    503: _refused("Nobody can answer at the moment; see retry-after."),
}

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {name: {"type": ["string", "null"]} for name in ("message", "type", "param", "code")},
        }
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, with our error shape in place of FastAPI's own, which nobody is ever sent."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in document["paths"].values():
        for operation in path.values():
            if operation["responses"].pop("422", None) is not None:
                operation["responses"]["400"] = _refused("A field is wrong; `param` names it.")
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = _ERROR
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    return document
