"""What lies where: how many layers on a GPU, and how finely the memory is kept, so that everything has room."""

from dataclasses import dataclass
from typing import Literal

from edge_agent.box.box import Box
from edge_agent.engine.build import Build
from edge_agent.engine.need import (
    BLOCK,
    CELLS_PAD,
    OVERHEAD,
    OVERHEAD_GPU,
    PLAIN,
    Load,
    gpu_bytes,
    host_bytes,
    shown,
    token_bytes,
    working_bytes,
)
from edge_agent.engine.options import CacheType
from edge_agent.engine.wishes import GIVEN, Choice, Wishes
from edge_agent.errors import ModelUnusable
from edge_agent.models.shape import ModelShape

Situation = Literal["processor", "gpu", "unified memory"]
NO_GPU = "there is no GPU that this llama.cpp can use"


@dataclass(frozen=True, slots=True)
class Placement:
    """
    Attributes:
        need: bytes of weights, keys and values; an upper bound where the shape is not `certain`.
        room: bytes that they may take, in main and GPU memory together; None: not known.
        tight: they fit, but little is left for the work itself.
        host: bytes of main memory that all of it takes, the work and a margin included.
    """

    gpu_layers: Choice[int]
    cache_type: Choice[CacheType]
    need: int
    room: int | None
    tight: bool
    host: int


def situation(box: Box, build: Build) -> Situation:
    if not build.devices:
        return "processor"
    return "unified memory" if box.tegra or any(device.integrated for device in build.devices) else "gpu"


def place(wishes: Wishes, model: ModelShape, load: Load, box: Box, build: Build) -> Placement:
    """
    Raises:
        ModelUnusable: weights and memory cannot fit, or the cache type does not suit the model; says what would do.
    """
    kinds = cache_types(wishes, model)
    where = situation(box, build)
    if where == "gpu":
        return _beside_a_gpu(wishes, model, load, kinds, box, build)
    return _in_one_memory(wishes, model, load, kinds, box, where)


def cache_types(wishes: Wishes, model: ModelShape) -> tuple[CacheType, ...]:
    """Those to try, best first. A coarser one than q8_0 is for the operator to choose: it shows in the text.

    Raises:
        ModelUnusable: the one that is wished for does not suit the model.
    """
    divides = not any(size % BLOCK for size in model.head_sizes)
    if wishes.cache_type is not None:
        if wishes.cache_type not in PLAIN and not divides:
            raise ModelUnusable(
                f"cache_type = {wishes.cache_type} needs heads of a multiple of {BLOCK}, but this model's have "
                f"{model.head_sizes[0]} and {model.head_sizes[1]}: use f16"
            )
        return (wishes.cache_type,)
    return ("f16", "q8_0") if divides and model.certain and wishes.flash_attn != "off" else ("f16",)


def _kept(wishes: Wishes, model: ModelShape, kind: CacheType, load: Load) -> Choice[CacheType]:
    size = f"{shown(load.cells * token_bytes(model, kind))} for {_tokens(wishes)}"
    if wishes.cache_type is not None:
        return Choice(kind, f"{GIVEN}: {size}")
    return Choice(kind, f"the usual: {size}" if kind == "f16" else f"f16 would be too much: {size}")


def _in_one_memory(
    wishes: Wishes, model: ModelShape, load: Load, kinds: tuple[CacheType, ...], box: Box, where: Situation
) -> Placement:
    layers = _layers_in_one(wishes, model, where)
    room = box.memory.available if box.memory else None
    beside = working_bytes(model, load) + (OVERHEAD if where == "processor" else OVERHEAD_GPU)
    for kind in kinds:
        need = _need(model, layers.value, kind, load.cells)
        tight = room is not None and need + beside > room
        if not tight:
            break
    if room is not None and need > room and model.certain:
        raise ModelUnusable(_no_room(wishes, model, kind, load, need, room))
    return Placement(layers, _kept(wishes, model, kind, load), need, room, tight, need + beside)


def _layers_in_one(wishes: Wishes, model: ModelShape, where: Situation) -> Choice[int]:
    if where == "processor":
        return Choice(0, GIVEN if wishes.gpu_layers == 0 else NO_GPU)
    if isinstance(wishes.gpu_layers, int):
        return Choice(wishes.gpu_layers, GIVEN)
    return Choice(_all(model), "all: processor and GPU share one memory")


def _beside_a_gpu(
    wishes: Wishes, model: ModelShape, load: Load, kinds: tuple[CacheType, ...], box: Box, build: Build
) -> Placement:
    free = sum(device.free for device in build.devices)
    usable = free - OVERHEAD_GPU * len(build.devices) - working_bytes(model, load)
    host = box.memory.available if box.memory else None
    layers, kind = _layers_beside(wishes, model, load, kinds, usable, host)
    asked = gpu_bytes(model, layers.value, kind, load.cells)
    if asked > free and model.certain:
        raise ModelUnusable(
            f"gpu_layers = {wishes.gpu_layers} needs {shown(asked)} of GPU memory and {shown(free)} are free: "
            "leave gpu_layers at auto"
        )
    need = _need(model, layers.value, kind, load.cells)
    stays = host_bytes(model, layers.value, kind, load.cells)
    room = None if host is None else host + max(0, usable)
    if host is not None and room is not None and stays > host and model.certain:
        raise ModelUnusable(_no_room(wishes, model, kind, load, need, room))
    tight = (host is not None and stays + OVERHEAD > host) or (layers.value != 0 and asked > usable)
    return Placement(layers, _kept(wishes, model, kind, load), need, room, tight, stays + OVERHEAD)


def _layers_beside(
    wishes: Wishes, model: ModelShape, load: Load, kinds: tuple[CacheType, ...], usable: int, host: int | None
) -> tuple[Choice[int], CacheType]:
    """All layers if some cache type lets them in; else as many as go in with the best type that the rest allows."""
    most = _all(model)
    if wishes.gpu_layers != "auto":
        return Choice(most if wishes.gpu_layers == "all" else wishes.gpu_layers, GIVEN), kinds[0]
    for kind in kinds:
        if gpu_bytes(model, most, kind, load.cells) <= usable:
            return Choice(most, "all: they fit into the GPU's memory"), kind
    for kind in kinds:
        fitting = (n for n in range(most, 0, -1) if gpu_bytes(model, n, kind, load.cells) <= usable)
        layers = next(fitting, 0)
        if host is None or host_bytes(model, layers, kind, load.cells) + OVERHEAD <= host:
            break
    return Choice(layers, f"of {most}: {shown(max(0, usable))} of the GPU's memory can be had"), kind


def _need(model: ModelShape, layers: int, kind: CacheType, cells: int) -> int:
    return gpu_bytes(model, layers, kind, cells) + host_bytes(model, layers, kind, cells)


def _all(model: ModelShape) -> int:
    return len(model.layers) + 1 if model.layers else -1


def _tokens(wishes: Wishes) -> str:
    if wishes.kv_tokens is not None:
        return f"{wishes.kv_tokens} tokens of {wishes.slots} slots"
    return f"{wishes.slots} x {wishes.context_tokens} tokens"


def _no_room(wishes: Wishes, model: ModelShape, kind: CacheType, load: Load, need: int, room: int) -> str:
    """What is missing, and what would fit."""
    of_token = token_bytes(model, kind)
    weights = need - load.cells * of_token
    tokens = (room - weights) // of_token // CELLS_PAD * CELLS_PAD
    slots, context = tokens // wishes.context_tokens, tokens // wishes.slots // CELLS_PAD * CELLS_PAD
    ways = [f"--slots {slots}"] if slots >= 1 else []
    ways += [f"--ctx {context}"] if context >= CELLS_PAD else []
    if tokens >= wishes.context_tokens:
        ways = [*ways, f"--kv-tokens {tokens}"] if wishes.kv_tokens is None else [f"--kv-tokens {tokens}"]
    if not ways and tokens >= CELLS_PAD:
        ways = [f"--slots 1 --ctx {tokens}"]
    advice = f"{' or '.join(ways)} would fit" if ways else "take a smaller model or a coarser quantisation of it"
    what = _tokens(wishes).replace(" x ", " slots of ")
    return f"{what} need {shown(need)} (weights {shown(weights)}), but {shown(room)} are available: {advice}"
