"""llama.cpp's own server inside this process, from a prebuilt wheel: the quick start, no compiler needed.

The server insists on listening somewhere, so it gets a unix socket in a directory that only we can enter, and a random
key. We talk to it over that socket: closing the connection stops a decode, or a prefill, within some 40 ms. Only its
native endpoints are used (template, completion), since its chat endpoint repeats the text that it continues.
"""

import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import xllamacpp

from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Counts, FinishReason, Job, ModelInfo, Piece, TokenLogprob, Warmth, WireMessage
from edge_agent.engine.prompt import cut_after, split_continued
from edge_agent.errors import AgentError, BadRequest, ContextTooLong, EngineFailed, ModelUnusable, cannot_load

# Prompts kept in main memory beside the slots; the server's own default of 8 GiB is not for a Jetson.
PROMPT_CACHE_MIB = 256
FLASH_ATTENTION = {
    "auto": "LLAMA_FLASH_ATTN_TYPE_AUTO",
    "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED",
    "off": "LLAMA_FLASH_ATTN_TYPE_DISABLED",
}
LOAD_MODES = {
    "auto": "LLAMA_LOAD_MODE_AUTO",
    "none": "LLAMA_LOAD_MODE_NONE",
    "mmap": "LLAMA_LOAD_MODE_MMAP",
    "mlock": "LLAMA_LOAD_MODE_MLOCK",
    "mmap+mlock": "LLAMA_LOAD_MODE_MMAP_MLOCK",
    "dio": "LLAMA_LOAD_MODE_DIRECT_IO",
}
LONGEST_PARENT = 60  # characters; a unix socket's whole path has room for 107, on macOS for 103
SHARE_S = 2.0  # copying a warmed prompt from slot to slot; it takes some ten milliseconds


class PrebuiltEngine:
    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._server: Any = None
        self._client: httpx2.AsyncClient | None = None

    @property
    def info(self) -> ModelInfo:
        o = self._options
        return ModelInfo(name=o.name, context_tokens=o.context_tokens, slots=o.slots, engine="llama.cpp (prebuilt)")

    def stats(self) -> None:
        return None

    async def load(self) -> None:
        if self._server is not None:
            return
        home = _private_folder()
        key = secrets.token_urlsafe(24)
        try:
            self._server = await anyio.to_thread.run_sync(xllamacpp.Server, self._params(home.name, key))
        except RuntimeError as error:
            home.cleanup()
            raise ModelUnusable(cannot_load(self._options.model)) from error
        self._home = home
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=_socket(home.name)),
            base_url="http://engine",
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(None),  # a queue on a slow box is no fault; whoever waits can leave
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        server, self._server, self._client = self._server, None, None
        if server is not None:
            await anyio.to_thread.run_sync(_drop, [server])
            del server
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        messages, continued = split_continued(job.messages, job.continue_final)
        prompt = await self._render(messages, open_turn=True) + continued
        async with self._http.stream("POST", "/completion", json=_body(job, prompt)) as response:
            if response.status_code != 200:
                raise _complaint(response.status_code, await response.aread())
            yield _pieces(response, job)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        rendered = await self._render(messages, open_turn=False)
        prompt = cut_after(rendered, str(messages[-1].get("content") or ""))
        reply = await self._post("/completion", {"prompt": prompt, "n_predict": 0, "cache_prompt": True})
        warmth = Warmth(tokens=int(reply["tokens_evaluated"]), cached=int(reply["timings"]["cache_n"]))
        if self._options.slots > 1 and warmth.tokens - warmth.cached > 1:
            await self._share(int(reply["id_slot"]))
        return warmth

    async def _share(self, slot: int) -> None:
        """Give the other idle slots what `slot` holds: the server itself never shares a prompt between slots.

        Best effort: not every architecture can save its memory.
        """
        file = {"filename": f"slot-{slot}"}
        with suppress(AgentError), anyio.move_on_after(SHARE_S):
            await self._post(f"/slots/{slot}?action=save", file)
            for other in (await self._http.get("/slots")).json():
                if other["id"] != slot and not other["is_processing"]:
                    await self._post(f"/slots/{other['id']}?action=restore", file)

    @property
    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            raise EngineFailed("The engine is not loaded.")
        return self._client

    async def _render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        body = {
            "messages": [dict(m) for m in messages],
            "add_generation_prompt": open_turn,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        return str((await self._post("/apply-template", body))["prompt"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._http.post(path, json=body)
        except httpx2.HTTPError as error:
            raise EngineFailed(f"The engine broke: {error!r}") from error
        if response.status_code != 200:
            raise _complaint(response.status_code, response.content)
        return dict(response.json())

    def _params(self, home: str, key: str) -> Any:
        o = self._options
        params = xllamacpp.CommonParams()
        params.model.path = str(o.model)
        params.hostnames = [_socket(home)]
        params.api_keys = [key]
        params.slot_save_path = f"{home}/"
        params.n_parallel = o.slots
        params.n_ctx = o.context_tokens * o.slots
        params.n_batch = o.ubatch_size
        params.flash_attn_type = xllamacpp.llama_flash_attn_type[FLASH_ATTENTION[o.flash_attn]]
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type[f"GGML_TYPE_{o.cache_type.upper()}"]
        params.load_mode = xllamacpp.llama_load_mode[LOAD_MODES[o.load_mode]]
        params.kv_unified = False  # so that every slot has its whole context for certain
        params.n_gpu_layers = o.gpu_layers
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.fit_params = False  # what the operator asked for, or an error
        params.warmup = False
        params.ui = False
        params.verbosity = 3 if o.verbose else 0
        params.cpuparams.n_threads = o.threads
        params.cpuparams_batch.n_threads = o.threads
        return params


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that only we can enter, with a path short enough for a socket in it."""
    parent = tempfile.gettempdir()
    if len(parent) > LONGEST_PARENT:
        parent = "/tmp"  # noqa: S108 (a fresh folder in it)
    return tempfile.TemporaryDirectory(prefix="edge-agent-", dir=parent)


def _socket(home: str) -> str:
    return f"{home}/engine.sock"


def _drop(last_reference: list[Any]) -> None:
    """Destroying the server joins its threads, which may take a while: not on the event loop."""
    last_reference.clear()


def _body(job: Job, prompt: str) -> dict[str, Any]:
    wishes = {
        "seed": job.seed,
        "temperature": job.temperature,
        "top_p": job.top_p,
        "top_k": job.top_k,
        "min_p": job.min_p,
        "presence_penalty": job.presence_penalty,
        "frequency_penalty": job.frequency_penalty,
        "repeat_penalty": job.repeat_penalty,
        "grammar": job.grammar,
        "json_schema": None if job.json_schema is None else dict(job.json_schema),
    }
    return {
        "prompt": prompt,
        "stream": True,
        "cache_prompt": True,
        "n_predict": -1 if job.max_tokens is None else job.max_tokens,
        "stop": list(job.stop),
        "ignore_eos": job.ignore_eos,
        "logit_bias": [[token, bias] for token, bias in job.logit_bias.items()],
        # Asked for one it gives one alternative, the likeliest; asked for none, no logprobs.
        "n_probs": max(1, job.top_logprobs or 0) if _wants_logprobs(job) else 0,
        **{name: value for name, value in wishes.items() if value is not None},
    }


def _wants_logprobs(job: Job) -> bool:
    return job.top_logprobs is not None or job.mean_logprob


async def _pieces(response: httpx2.Response, job: Job) -> AsyncIterator[Piece]:
    drawn: list[float] = []
    try:
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            frame = json.loads(line[len("data: ") :])
            if "error" in frame:
                raise EngineFailed(f"The engine broke: {frame['error'].get('message')}")
            logprobs = tuple(_logprob(entry) for entry in frame.get("completion_probabilities", ()))
            drawn += [entry.logprob for entry in logprobs]
            if job.top_logprobs is None:
                logprobs = ()
            if not frame["stop"]:
                if frame["content"] or logprobs:
                    yield Piece(frame["content"], logprobs)
                continue
            mean = sum(drawn) / len(drawn) if job.mean_logprob and drawn else None
            counts = Counts(frame["tokens_evaluated"], frame["tokens_predicted"], frame["timings"]["cache_n"], mean)
            reason: FinishReason = "length" if frame["stop_type"] == "limit" else "stop"
            yield Piece(frame["content"], logprobs, finish_reason=reason, counts=counts)
            return
    except httpx2.HTTPError as error:
        raise EngineFailed(f"The engine broke: {error!r}") from error
    raise EngineFailed("The engine ended its answer without a finish.")


def _logprob(entry: dict[str, Any]) -> TokenLogprob:
    top = tuple(_logprob(other) for other in entry.get("top_logprobs", ()))
    return TokenLogprob(entry["token"], tuple(entry["bytes"]), entry["logprob"], top)


def _complaint(status: int, body: bytes) -> Exception:
    try:
        error = json.loads(body)["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return EngineFailed(f"The engine answered {status}.")
    if error.get("type") == "exceed_context_size_error":
        return ContextTooLong(limit=error["n_ctx"], prompt_tokens=error["n_prompt_tokens"])
    if status == 400:
        about = "grammar" if "grammar" in message or "schema" in message.lower() else None
        return BadRequest(message, param=about)
    return EngineFailed(f"The engine answered {status}: {message}")
