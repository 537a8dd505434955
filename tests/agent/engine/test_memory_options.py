"""What is set for the memory and the file reaches llama.cpp, whichever way it comes."""

from pathlib import Path

import pytest

from edge_agent.engine.choose import EngineChoice, choose
from edge_agent.engine.options import CacheType, EngineOptions, FlashAttention, LoadMode
from edge_agent.engine.port import Job
from edge_agent.errors import ModelUnusable

pytestmark = pytest.mark.model
QUESTION = Job(({"role": "user", "content": "What is the capital of France?"},), max_tokens=2, temperature=0)


@pytest.mark.parametrize("choice", ["llama", "prebuilt"])
@pytest.mark.parametrize(("kind", "flash", "mode"), [("q8_0", "on", "none"), ("f32", "off", "mmap")])
async def test_an_engine_answers_with_any_memory(
    embedded_model: Path, choice: EngineChoice, kind: CacheType, flash: FlashAttention, mode: LoadMode
) -> None:
    options = EngineOptions(
        embedded_model,
        "small",
        context_tokens=256,
        threads=1,
        cache_type=kind,
        flash_attn=flash,
        load_mode=mode,
        ubatch_size=32,
    )
    engine = choose(choice, options)
    await engine.load()
    try:
        async with engine.generate(QUESTION) as pieces:
            assert "".join([piece.text async for piece in pieces])
    finally:
        await engine.close()


@pytest.mark.parametrize("choice", ["llama", "prebuilt"])
async def test_llama_cpp_itself_refuses_a_quantised_memory_without_flash_attention(
    embedded_model: Path, choice: EngineChoice
) -> None:
    options = EngineOptions(embedded_model, "small", 256, threads=1, cache_type="q8_0", flash_attn="off")
    with pytest.raises(ModelUnusable):
        await choose(choice, options).load()
