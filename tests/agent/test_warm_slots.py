"""A prompt is warmed once for all slots: the points of one request run side by side."""

from pathlib import Path

import anyio
import pytest

from edge_agent.engine.choose import EngineChoice, choose
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Counts, Job

QUESTION = "Write one paragraph from the notes. How do people sleep better, and what keeps them awake at night?"


@pytest.mark.model
@pytest.mark.parametrize("choice", ["llama", "prebuilt"])
async def test_what_was_warmed_is_held_by_every_idle_slot(embedded_model: Path, choice: EngineChoice) -> None:
    options = EngineOptions(model=embedded_model, name="small", context_tokens=256, slots=3, threads=1)
    engine = choose(choice, options)
    await engine.load()
    seen: list[Counts] = []

    async def one(point: str) -> None:
        async with engine.generate(Job(({"role": "user", "content": QUESTION + point},), max_tokens=8)) as pieces:
            seen.extend([piece.counts async for piece in pieces if piece.counts is not None])

    try:
        warmth = await engine.warm([{"role": "user", "content": QUESTION}])
        async with anyio.create_task_group() as points:
            for point in (" Light.", " Food.", " Walks."):
                points.start_soon(one, point)
    finally:
        await engine.close()
    assert len(seen) == 3
    assert min(counts.cached for counts in seen) >= warmth.tokens - 2
