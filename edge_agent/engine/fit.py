"""Complete the operator's wishes to what suits the box: facts in, choices with their reasons out. No I/O.

Three situations: the processor alone; a GPU with memory of its own, which gets all layers that fit; one memory for
both (a Jetson), which holds the model or does not. What was asked for is never overruled, only refused where it cannot
be.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.engine.build import Build
from edge_agent.engine.need import Load
from edge_agent.engine.options import (
    UBATCH,
    UBATCH_GPU,
    UBATCH_PREBUILT,
    EngineOptions,
    FlashAttention,
    LoadMode,
)
from edge_agent.engine.placement import Placement, Situation, place, situation
from edge_agent.engine.wishes import GIVEN, Choice, Wishes
from edge_agent.health.box import Box
from edge_agent.models.shape import ModelShape

GPU_THREADS = 4  # where the GPU computes, the processor only hands it work


@dataclass(frozen=True, slots=True)
class Fit:
    """The choices, each under its setting's name.

    `placement` tells how much room model and memory take.
    """

    situation: Situation
    placement: Placement
    threads: Choice[int]
    flash_attn: Choice[FlashAttention]
    ubatch_size: Choice[int]
    load_mode: Choice[LoadMode]

    def rows(self) -> list[str]:
        """One for each choice: its setting, its value, and why."""
        chosen: dict[str, Choice[Any]] = {
            "gpu_layers": self.placement.gpu_layers,
            "threads": self.threads,
            "cache_type": self.placement.cache_type,
            "flash_attn": self.flash_attn,
            "ubatch_size": self.ubatch_size,
            "load_mode": self.load_mode,
        }
        return [f"{name} {choice.value} ({choice.why})" for name, choice in chosen.items()]

    def line(self) -> str:
        """For the log: the same rows."""
        return "; ".join(self.rows())

    def options(self, model: Path, name: str, wishes: Wishes, *, verbose: bool) -> EngineOptions:
        return EngineOptions(
            model=model,
            name=name,
            context_tokens=wishes.context_tokens,
            slots=wishes.slots,
            threads=self.threads.value,
            gpu_layers=self.placement.gpu_layers.value,
            cache_type=self.placement.cache_type.value,
            flash_attn=self.flash_attn.value,
            ubatch_size=self.ubatch_size.value,
            load_mode=self.load_mode.value,
            verbose=verbose,
        )


def fit(wishes: Wishes, model: ModelShape, box: Box, build: Build) -> Fit:
    """
    Raises:
        ModelUnusable: weights and memory cannot fit, or the cache type does not suit the model; says what would do.
    """
    where = situation(box, build)
    step = _ubatch(wishes, build, on_gpu=where != "processor" and wishes.gpu_layers != 0)
    load = Load(wishes.context_tokens, wishes.slots, step.value, wishes.flash_attn != "off")
    placement = place(wishes, model, load, box, build)
    layers = placement.gpu_layers.value
    return Fit(
        situation=where,
        placement=placement,
        threads=_threads(wishes, box, gpu_alone=layers < 0 or layers > len(model.layers)),
        flash_attn=Choice(wishes.flash_attn, "llama.cpp tries it" if wishes.flash_attn == "auto" else GIVEN),
        ubatch_size=_ubatch(wishes, build, on_gpu=layers != 0),
        load_mode=Choice(wishes.load_mode, "mapped where possible" if wishes.load_mode == "auto" else GIVEN),
    )


def _ubatch(wishes: Wishes, build: Build, *, on_gpu: bool) -> Choice[int]:
    if wishes.ubatch_size is not None:
        return Choice(wishes.ubatch_size, GIVEN)
    if on_gpu:
        return Choice(UBATCH_GPU, "a GPU reads prompts in large steps")
    size = UBATCH_PREBUILT if build.engine == "prebuilt" else UBATCH
    return Choice(size, "so that running answers do not wait long for a step")


def _threads(wishes: Wishes, box: Box, *, gpu_alone: bool) -> Choice[int]:
    if wishes.threads is not None:
        return Choice(wishes.threads, GIVEN)
    cores = box.cores
    if gpu_alone and cores.worth > GPU_THREADS:
        return Choice(GPU_THREADS, f"of {cores.worth} cores: the GPU computes")
    if cores.quota is not None and cores.quota < min(cores.allowed, cores.physical or cores.allowed):
        return Choice(cores.worth, f"its cgroup grants the time of {cores.quota:g} cores")
    if cores.physical is not None and cores.physical < cores.allowed:
        return Choice(cores.worth, f"one per physical core, of {cores.allowed} logical ones")
    return Choice(cores.worth, "one per core it may use")
