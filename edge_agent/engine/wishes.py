"""What an operator may wish of an engine, and what becomes of a wish."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_agent.engine.options import CacheType, FlashAttention, GpuLayers, LoadMode, Repack

T = TypeVar("T")

GIVEN = "as set"  # the reason of a choice that the operator made


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator set; None and "auto" are left to `fit`."""

    context_tokens: int = 4096
    slots: int = 4
    gpu_layers: GpuLayers = "auto"
    threads: int | None = None
    cache_type: CacheType | None = None
    flash_attn: FlashAttention = "auto"
    ubatch_size: int | None = None
    load_mode: LoadMode = "auto"
    repack: Repack = "auto"
    kv_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    value: T
    why: str
