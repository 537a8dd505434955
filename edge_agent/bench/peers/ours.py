"""Our engine behind its port, in this process."""

import time
from collections.abc import Sequence
from typing import Any

from edge_agent.bench.ask import Answer, Ask, Step, Work
from edge_agent.bench.peers.backend import Plain, Setup
from edge_agent.engine.choose import EngineChoice, choose
from edge_agent.engine.options import Repack
from edge_agent.engine.port import Engine, Job, Piece
from edge_agent.serve import engine_options
from edge_agent.settings import Settings


class Ours(Plain):
    """Set up as `edge-agent serve` does it; `repack` is its setting."""

    def __init__(self, setup: Setup, choice: EngineChoice, repack: Repack = "auto") -> None:
        settings = Settings(
            model=str(setup.model),
            model_name="bench",
            engine=choice,
            ctx=setup.context_tokens,
            slots=setup.slots,
            threads=setup.threads,
            repack=repack,
            cache=setup.cache,
        )
        self._options = engine_options(settings)
        self._engine: Engine = choose(choice, self._options)

    async def open(self) -> str:
        await self._engine.load()
        info = self._engine.info
        packing = "" if self._options.repack is None else ", weights repacked as Q8_0"
        return f"{info.engine}, {info.slots} slots of {info.context_tokens} tokens{packing}"

    async def close(self) -> None:
        await self._engine.close()

    async def answer(self, ask: Ask, arrived: float, slot: int | None) -> Answer:
        job = Job(ask.messages, max_tokens=ask.max_tokens, temperature=0.0, top_logprobs=ask.top_logprobs)
        first = last = 0.0
        steps: list[Step] = []
        end = Piece()
        async with self._engine.generate(job) as pieces:
            async for piece in pieces:
                last = time.perf_counter() - arrived
                if piece.text or piece.logprobs:
                    first = first or last
                steps += [Step(bytes(t.bytes), _top(t.top)) for t in piece.logprobs]
                end = piece
        counts = end.counts
        if counts is None:
            raise RuntimeError("an answer ended without its counts")
        return Answer(counts.prompt, counts.completion, counts.cached, first or last, last, 0.0, tuple(steps))

    def work(self) -> Work | None:
        told = self._engine.stats()
        return None if told is None else Work(told.steps, told.step_s, told.python_s)

    async def kv_bytes(self) -> int | None:
        """Of all the key-value cells that the engine has room for; None: not told."""
        told = self._engine.stats()
        return None if told is None else told.cells * told.cell_bytes

    async def slots(self) -> int:
        return self._engine.info.slots

    async def model_bytes(self) -> int:
        """Of the file that is loaded, which is another one where the weights were repacked."""
        return (self._options.repack or self._options.model).stat().st_size


def _top(alternatives: Sequence[Any]) -> tuple[tuple[bytes, float], ...]:
    return tuple((bytes(other.bytes), other.logprob) for other in alternatives)
