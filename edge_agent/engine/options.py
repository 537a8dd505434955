"""How an engine is to be set up; every adapter is built from this."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_agent.box.cores import usable_cores

# llama-server's words.
CacheType = Literal["f32", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"]
Repack = Literal["auto", "on", "off"]
GpuLayers = int | Literal["auto", "all"]

# Prompt tokens a step. On a small box 128 take some 0.2-0.5 s, which is how long others wait for their next token.
UBATCH = 128
UBATCH_GPU = 512
UBATCH_PREBUILT = 256  # between two steps that server looks whether the client is still there


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Settled values: the operator's wishes, completed by `fit.py`.

    Attributes:
        model: the GGUF file.
        name: what clients call the model.
        context_tokens: prompt + answer of one sequence.
        slots: sequences decoded at once.
        kv_tokens: of all sequences together, that the memory has room for; None: slots x context_tokens.
        threads: of the processor.
        gpu_layers: layers kept on the GPU; the one after the last is what makes logits, negative means all.
        cache_type: of keys and values in the memory, both: GPU kernels exist for equal types only, unless asked for.
        flash_attn: auto: llama.cpp finds out while it loads. A quantised memory needs it.
        ubatch_size: prompt tokens read in one step; running answers have room in it besides.
        load_mode: auto: mapped, unless a device cannot take it so.
        repack: where the same weights are kept as Q8_0, and made where they are not yet; None: they stay as they are.
        fake_token_s: seconds per token of the fake engine; the real ones take what they take.
        verbose: let the engine write its own log to stderr.
    """

    model: Path
    name: str
    context_tokens: int = 4096
    slots: int = 1
    kv_tokens: int | None = None
    threads: int = field(default_factory=usable_cores)
    gpu_layers: int = 0
    cache_type: CacheType = "f16"
    flash_attn: FlashAttention = "auto"
    ubatch_size: int = UBATCH
    load_mode: LoadMode = "auto"
    repack: Path | None = None
    fake_token_s: float = 0.0
    verbose: bool = False
