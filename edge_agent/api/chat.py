"""OpenAI's side of the agent: chat completions and models."""

import math
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from edge_agent.agent import Agent
from edge_agent.api.body import read_chat
from edge_agent.api.frames import Envelope
from edge_agent.api.reply import ChatReply
from edge_agent.errors import BadRequest
from edge_agent.protocol import CHAT_PATH, DEADLINE_HEADER, LEG_HEADER, MODELS_PATH
from edge_agent.roster.served import Served

# Of the gateway's legs: one that comes late is waited for already, a second opinion can wait. Others are in between.
LEG_PRIORITY = {"hedge": -1, "verify": 1}


def routes(agent: Agent) -> APIRouter:
    router = APIRouter()
    roster = agent.roster

    @router.post(CHAT_PATH, response_model=None)
    async def chat(request: Request) -> Response:
        body = await read_chat(request, agent.max_body_bytes)
        model = roster.find(body.model)
        body.check()
        stream, with_logprobs = bool(body.stream), bool(body.logprobs)
        envelope = Envelope(body.model, include_usage=body.include_usage, with_logprobs=with_logprobs)
        job = body.job(LEG_PRIORITY.get(request.headers.get(LEG_HEADER, ""), 0))
        return ChatReply(agent, model, job, envelope, stream=stream, within_s=_deadline_s(request.headers))

    @router.get(MODELS_PATH)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(model) for model in roster.models]}

    @router.get(MODELS_PATH + "/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        return _model(roster.find(model))

    return router


def _deadline_s(headers: Mapping[str, str]) -> float:
    """Seconds until the first token must have come. Raises BadRequest."""
    told = headers.get(DEADLINE_HEADER)
    if told is None:
        return math.inf
    try:
        milliseconds = float(told)
    except ValueError:
        milliseconds = -1.0
    if not 0 < milliseconds < math.inf:
        raise BadRequest(f"{DEADLINE_HEADER} must be a number of milliseconds above 0.", param=DEADLINE_HEADER)
    return milliseconds / 1000


def _model(model: Served) -> dict[str, Any]:
    info = model.desk.engine.info
    # `context_length` is what Ollama-minded clients read, `status` is as llama-server's router has it; the rest is
    # OpenAI's.
    return {
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "edge-agent",
        "context_length": info.context_tokens,
        "status": {"value": model.state},
    }
