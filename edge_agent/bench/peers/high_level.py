"""llama-cpp-python's `Llama`, one request after another, its prefix reuse as it does it by itself."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import llama_cpp

from edge_agent.bench.ask import Answer, Ask
from edge_agent.bench.peers.backend import Plain, Setup, chat


class HighLevel(Plain):
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._llm: Any = None

    async def open(self) -> str:
        s = self._setup
        options = {"n_ctx": s.context_tokens, "n_threads": s.threads, "n_threads_batch": s.threads, "verbose": False}
        self._llm = llama_cpp.Llama(str(s.model), **options)
        return f"llama-cpp-python {llama_cpp.__version__}: {llama_cpp.llama_print_system_info().decode()}"

    async def close(self) -> None:
        self._llm.close()

    async def answer(self, ask: Ask, arrived: float, slot: int | None) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(self._write, ask, arrived))

    def _write(self, ask: Ask, arrived: float) -> Answer:
        chunks = self._llm.create_chat_completion(chat(ask), max_tokens=ask.max_tokens, temperature=0.0, stream=True)
        first = last = 0.0
        texts = 0
        reason = None
        for chunk in chunks:
            choice = chunk["choices"][0]
            last = time.perf_counter() - arrived
            if choice["delta"].get("content"):
                first = first or last
                texts += 1
            reason = choice["finish_reason"] or reason
        tokens = ask.max_tokens if reason == "length" else texts
        return Answer(self._llm.n_tokens - tokens + 1, tokens, 0, first or last, last, 0.0)
