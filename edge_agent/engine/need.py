"""How much memory a model takes, before it is loaded."""

from dataclasses import dataclass

from edge_agent.engine.options import CacheType
from edge_agent.models.shape import Layer, ModelShape

MIB, GIB = 1 << 20, 1 << 30
BLOCK = 32  # numbers that a quantised type packs together
BLOCK_BYTES: dict[CacheType, int] = {
    "f32": 128, "f16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18
}  # fmt: skip
PLAIN: tuple[CacheType, ...] = ("f32", "f16")
CELLS_PAD = 256  # llama.cpp rounds the memory up to this
# Beside the model: a margin; with a GPU also its driver's context and kernels.
OVERHEAD, OVERHEAD_GPU = 64 * MIB, 512 * MIB


@dataclass(frozen=True, slots=True)
class Load:
    """`slots` sequences of `context` tokens each, prompts read `ubatch` tokens at a time; in all no more than `tokens`,
    where that is set."""

    context: int
    slots: int
    ubatch: int
    flash: bool = True
    tokens: int | None = None

    @property
    def cells(self) -> int:
        return cells(self.context, self.slots, self.tokens)


def cells(context: int, slots: int, tokens: int | None) -> int:
    """Room for `tokens`, or for all `slots` at once."""
    return -(-(tokens or context * slots) // CELLS_PAD) * CELLS_PAD


def cell_bytes(layer: Layer, kind: CacheType) -> int:
    """Of one token in one layer."""
    return (layer.keys + layer.values) * BLOCK_BYTES[kind] // BLOCK


def token_bytes(model: ModelShape, kind: CacheType) -> int:
    """Keys and values of one token in all layers."""
    return sum(cell_bytes(layer, kind) for layer in model.layers)


def working_bytes(model: ModelShape, load: Load) -> int:
    """What a step needs beside weights and memory; roughly.

    Activations (a few dozen rows of the hidden state for each token), the attention mask in two precisions, without
    flash attention a score for every head, token and cell, and logits for each sequence.
    """
    rows = load.ubatch + load.slots
    scores = 4 * model.heads * load.cells * rows if not load.flash else 0
    logits = 4 * model.vocabulary * (3 * load.slots + 8)
    return 4 * 32 * model.width * rows + 6 * load.cells * rows + scores + logits


def gpu_bytes(model: ModelShape, layers: int, kind: CacheType, cells: int) -> int:
    """Weights and memory on a GPU that gets `layers`: the last ones; one beyond all makes the logits; negative: all."""
    begin = _first_on_gpu(model, layers)
    head = model.head + (model.table if model.tied else 0) if begin < 0 else 0
    return head + sum(layer.weights + cells * cell_bytes(layer, kind) for layer in model.layers[max(0, begin) :])


def host_bytes(model: ModelShape, layers: int, kind: CacheType, cells: int) -> int:
    """What then stays in main memory."""
    begin = _first_on_gpu(model, layers)
    rest = model.table + (model.head if begin >= 0 else 0)
    return rest + sum(layer.weights + cells * cell_bytes(layer, kind) for layer in model.layers[: max(0, begin)])


def _first_on_gpu(model: ModelShape, layers: int) -> int:
    return -1 if layers < 0 else max(-1, len(model.layers) - layers)


def shown(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / MIB:.0f} MiB"
