"""OpenAI's side of the agent: chat completions and models."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from edge_agent.agent import Agent
from edge_agent.api.body import read_chat
from edge_agent.api.frames import Envelope
from edge_agent.api.reply import ChatReply
from edge_agent.protocol import CHAT_PATH, MODELS_PATH
from edge_agent.served import Served


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
        return ChatReply(agent, model, body.job(), envelope, stream=stream)

    @router.get(MODELS_PATH)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(model) for model in roster.models]}

    @router.get(MODELS_PATH + "/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        return _model(roster.find(model))

    return router


def _model(model: Served) -> dict[str, Any]:
    info = model.desk.engine.info
    # `context_length` is what Ollama-minded clients read, `status` is as llama-server's router has it.
    return {
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "edge-agent",
        "context_length": info.context_tokens,
        "status": {"value": model.state},
    }
