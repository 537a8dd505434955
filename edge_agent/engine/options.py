"""How an engine is to be set up; every adapter is built from this."""

import os
from dataclasses import dataclass, field
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Wishes of the operator.

    Attributes:
        model: the GGUF file.
        name: what clients call the model.
        context_tokens: prompt + answer of one sequence.
        slots: sequences decoded at once. The memory has room for slots x context_tokens.
        threads: of the processor.
        gpu_layers: layers kept on the GPU; -1: all that fit.
        fake_token_s: seconds per token of the fake engine; the real ones take what they take.
        verbose: let the engine write its own log to stderr.
    """

    model: Path
    name: str
    context_tokens: int = 4096
    slots: int = 1
    threads: int = field(default_factory=usable_cores)
    gpu_layers: int = 0
    fake_token_s: float = 0.0
    verbose: bool = False
