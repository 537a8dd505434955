"""Complete the operator's wishes to what suits the box: facts in, choices with their reasons out. No I/O.

Three situations: the processor alone; a GPU with memory of its own, which gets all layers that fit; one memory for
both (a Jetson), which holds the model or does not. What was asked for is never overruled, only refused where it cannot
be.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_agent.box.box import Box
from edge_agent.engine.build import Build
from edge_agent.engine.need import Load, shown
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
from edge_agent.errors import ModelUnusable
from edge_agent.models.repacked import repacked
from edge_agent.models.shape import ModelShape

OnOff = Literal["on", "off"]
GPU_THREADS = 4  # where the GPU computes, the processor only hands it work
# On an x86 processor llama.cpp multiplies these one dot product at a time, and Q8_0, which holds the same weights with
# hardly a loss, by the tile: prompts are read twice as fast, eight answers written a fifth faster (measured with two
# threads). By how much Q8_0 is larger: with many threads the memory's bandwidth is the limit, and size counts.
SLOW_PACKINGS = {"Q4_1": 34 / 20, "Q5_1": 34 / 24}
OTHER_PACKINGS = {"Q8_0": 1.0, "Q5_0": 34 / 22}
GROWTH = 34 / 18  # of what else is repacked because it was set: as if it had 4 bits
FEW_THREADS = 4


@dataclass(frozen=True, slots=True)
class Fit:
    """The choices, each under its setting's name.

    `placement` tells how much room model and memory take; `host`: bytes of main memory for all of it, repacked if so
    chosen, the work and a margin included.
    """

    situation: Situation
    placement: Placement
    threads: Choice[int]
    flash_attn: Choice[FlashAttention]
    ubatch_size: Choice[int]
    load_mode: Choice[LoadMode]
    repack: Choice[OnOff]
    host: int

    def rows(self) -> list[str]:
        """One for each choice: its setting, its value, and why."""
        chosen: dict[str, Choice[Any]] = {
            "gpu_layers": self.placement.gpu_layers,
            "threads": self.threads,
            "cache_type": self.placement.cache_type,
            "flash_attn": self.flash_attn,
            "ubatch_size": self.ubatch_size,
            "load_mode": self.load_mode,
            "repack": self.repack,
        }
        return [f"{name} {choice.value} ({choice.why})" for name, choice in chosen.items()]

    def line(self) -> str:
        """For the log: the same rows."""
        return "; ".join(self.rows())

    def options(self, model: Path, name: str, wishes: Wishes, *, cache: Path, verbose: bool) -> EngineOptions:
        """`cache`: where a repacked model is kept."""
        return EngineOptions(
            model=model,
            name=name,
            context_tokens=wishes.context_tokens,
            slots=wishes.slots,
            kv_tokens=wishes.kv_tokens,
            threads=self.threads.value,
            gpu_layers=self.placement.gpu_layers.value,
            cache_type=self.placement.cache_type.value,
            flash_attn=self.flash_attn.value,
            ubatch_size=self.ubatch_size.value,
            load_mode=self.load_mode.value,
            repack=repacked(model, cache) if self.repack.value == "on" else None,
            verbose=verbose,
        )


def fit(wishes: Wishes, model: ModelShape, box: Box, build: Build) -> Fit:
    """
    Raises:
        ModelUnusable: weights and memory cannot fit, or the cache type does not suit the model; says what would do.
    """
    where = situation(box, build)
    step = _ubatch(wishes, build, on_gpu=where != "processor" and wishes.gpu_layers != 0)
    flash = wishes.flash_attn != "off"
    load = Load(wishes.context_tokens, wishes.slots, step.value, flash, wishes.kv_tokens)
    if wishes.kv_tokens is not None and build.engine == "prebuilt":
        raise ModelUnusable("kv_tokens needs the compiled engine: pip install 'picegate[edge]'")
    placement = place(wishes, model, load, box, build)
    layers = placement.gpu_layers.value
    threads = _threads(wishes, box, gpu_alone=layers < 0 or layers > len(model.layers))
    repack = _repack(wishes, model, placement, threads.value, build)
    return Fit(
        situation=where,
        placement=placement,
        threads=threads,
        flash_attn=Choice(wishes.flash_attn, "llama.cpp tries it" if wishes.flash_attn == "auto" else GIVEN),
        ubatch_size=_ubatch(wishes, build, on_gpu=layers != 0),
        load_mode=Choice(wishes.load_mode, "mapped where possible" if wishes.load_mode == "auto" else GIVEN),
        repack=repack,
        host=placement.host + (_more(model) if repack.value == "on" else 0),
    )


def _repack(wishes: Wishes, model: ModelShape, placement: Placement, threads: int, build: Build) -> Choice[OnOff]:
    if build.engine != "llama":
        if wishes.repack == "on":
            raise ModelUnusable("repack = on needs the compiled engine: pip install 'picegate[edge]'")
        return Choice("off", "the prebuilt engine takes a model as it is")
    if wishes.repack != "auto":
        return Choice(wishes.repack, GIVEN)
    if placement.gpu_layers.value != 0:
        return Choice("off", "a GPU has kernels for every type")
    if model.packing not in SLOW_PACKINGS or "AVX2" not in build.features:
        return Choice("off", "this processor's kernels for these weights are as fast as others")
    if threads > FEW_THREADS:
        return Choice("off", f"with {threads} threads the memory's bandwidth counts, and Q8_0 is larger")
    more = _more(model)
    if placement.room is None or placement.tight or placement.host + more > placement.room:
        return Choice("off", f"Q8_0 would be faster than {model.packing} here, but takes {shown(more)} more")
    return Choice("on", f"{model.packing} to Q8_0, which is faster on this processor and takes {shown(more)} more")


def _more(model: ModelShape) -> int:
    """Bytes that the weights take more as Q8_0."""
    growth = {**SLOW_PACKINGS, **OTHER_PACKINGS}.get(model.packing, GROWTH)
    return round(model.weights * (growth - 1))


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
