"""The edge nodes: agents and any llama-server, Ollama or vLLM, behind the port `core.ports.Edge`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Self

import aiohttp
import anyio

from edge_agent.protocol import CONTINUE_FIELD, DEADLINE_HEADER, WARM_PATH
from picegate.clients.legs import Faults, Http, Phases, leg_headers, send
from picegate.clients.stream import Deltas, Payloads
from picegate.core.errors import NodeBroken, NodeRefused, NodeTimeout, NodeUnavailable
from picegate.core.plan import NodeKind, NodeView
from picegate.core.ports import Delta, EdgeCall
from picegate.core.usage import LegKind
from picegate.planning.patience import Patience, patience
from picegate.settings import FleetSettings
from picegate.wire.upstream import dump, error_of

_KEEP_S = 4.0  # below the 5 s after which common servers close an idle connection under our hands
_WARM_S = 5.0
_REFUSAL_S = 2.0
_REFUSALS = frozenset({400, 413, 422})

log = logging.getLogger(__name__)


class EdgeClient:
    """Raises what `core.ports.Edge` says. Use it as an async context manager, or call `aclose`.

    No retries: a passage is begun again on another node instead. Proxies of the environment are not used, since nodes
    are near.
    """

    def __init__(self, settings: FleetSettings) -> None:
        self._phases = Phases(settings.connect_s, settings.first_token_s, settings.between_tokens_s, settings.total_s)
        self._http = Http(connect_s=settings.connect_s, keep_s=_KEEP_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    def stream(self, node: NodeView, call: EdgeCall) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        return _Stream(partial(self._open, node, call))

    async def _open(self, node: NodeView, call: EdgeCall) -> "_Opened":
        faults = Faults(f"node {node.name}", NodeUnavailable, NodeTimeout, NodeBroken)
        phases = self._phases_for(node, call)
        headers = leg_headers(call.kind, call.request_id, node.api_key)
        headers[DEADLINE_HEADER] = str(round(phases.first_token_s * 1000))  # later we are gone
        sent = asyncio.get_running_loop().time()
        deadline = sent + phases.total_s
        response = await send(
            self._http, _chat_url(node), headers, chat_body(node, call), phases, faults, deadline=deadline
        )
        payloads = Payloads(response, phases, faults, sent=sent, deadline=deadline)
        if not 200 <= response.status < 300:
            refused = NodeRefused if response.status in _REFUSALS else NodeUnavailable
            try:
                raise refused(f"{faults.who} refused (status {response.status}): {await _words(response)}")
            finally:
                await payloads.aclose()
        return payloads, Deltas(payloads, faults)

    def _phases_for(self, node: NodeView, call: EdgeCall) -> Phases:
        most = Patience(self._phases.first_token_s, self._phases.between_tokens_s)
        own = patience(node.pace, node.slots, sum(len(message.text) for message in call.messages), most)
        return Phases(self._phases.connect_s, own.first_token_s, own.between_tokens_s, self._phases.total_s)

    async def warm(self, node: NodeView, call: EdgeCall) -> None:
        headers = leg_headers(LegKind.WARM, call.request_id, node.api_key)
        if node.kind is NodeKind.AGENT:
            url = node.url.rstrip("/").removesuffix("/v1") + WARM_PATH
            body: dict[str, Any] = {"messages": [message.as_wire() for message in call.messages]}
        else:  # one token: every server keeps the prompt of its last call
            url, body = _chat_url(node), {**chat_body(node, call), "max_tokens": 1, "stream": False}
            del body["stream_options"]
        try:
            with anyio.move_on_after(min(_WARM_S, self._phases.first_token_s)):
                async with await self._http.post(url, headers, dump(body)) as response:
                    await response.read()
        except Exception as error:
            log.debug("node %s was not warmed: %r", node.name, error)


_Opened = tuple[Payloads, Deltas]


class _Stream:
    """A node's reply, closed on leaving. A class, since one stands around every leg: a generator would cost more."""

    def __init__(self, opened: Callable[[], Awaitable[_Opened]]) -> None:
        self._open = opened

    async def __aenter__(self) -> Deltas:
        self._payloads, deltas = await self._open()
        return deltas

    async def __aexit__(self, *_: object) -> None:
        await self._payloads.aclose()


PASSAGES = (LegKind.EXPAND, LegKind.HEDGE, LegKind.VERIFY, LegKind.WARM)


def chat_body(node: NodeView, call: EdgeCall) -> dict[str, Any]:
    """The body of a streamed chat completion; wishes that were not made are left out."""
    sampling = call.sampling
    wishes: dict[str, Any] = {
        "max_tokens": call.max_tokens,
        "stop": list(call.stop) or None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": call.repeat_penalty,  # llama-server, our agents
        "repetition_penalty": call.repeat_penalty,  # vLLM, SGLang
    }
    body: dict[str, Any] = {
        "model": node.model,
        "messages": [message.as_wire() for message in call.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,  # llama-server: keep the prefix that the request's other points share
        **{name: wish for name, wish in wishes.items() if wish is not None},
    }
    if (
        call.kind in PASSAGES
    ):  # thinking about one paragraph would cost more than writing it; llama-server, vLLM, SGLang
        body["chat_template_kwargs"] = {"enable_thinking": False}
    if call.mean_logprob and node.kind is NodeKind.AGENT:
        body["mean_logprob"] = True
    if call.continues:  # vLLM and llama-server take the two together only
        body |= {CONTINUE_FIELD: True, "add_generation_prompt": False}
    return body


def _chat_url(node: NodeView) -> str:
    return f"{node.url.rstrip('/')}/chat/completions"


async def _words(response: aiohttp.ClientResponse) -> str:
    try:
        with anyio.move_on_after(_REFUSAL_S):
            return error_of(await response.read()).message
    except (aiohttp.ClientError, OSError):
        pass  # the status says enough
    return ""
