"""The sizes of a model that decide what fits where."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge_agent.models.metadata import Metadata, read_all_metadata

# Where the memory of a sequence is not simply keys and values of every token in every layer: a window, a state of fixed
# size, a compressed latent, layers that share. What is computed here is then more than will be needed.
SMALLER_MEMORY = (
    "attention.sliding_window",
    "attention.kv_lora_rank",
    "attention.shared_kv_layers",
    "ssm.state_size",
    "wkv.head_size",
)


PACKINGS = {2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1"}  # by llama.cpp's number, see llama_ftype in llama.h


@dataclass(frozen=True, slots=True)
class Layer:
    """Of one transformer block: bytes of weights, and numbers kept for every token (keys, values)."""

    weights: int
    keys: int
    values: int


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What its file tells about a model.

    Attributes:
        architecture: llama.cpp's word for it.
        layers: the transformer blocks, in order.
        table: bytes of the embedding table, which llama.cpp keeps in main memory.
        head: bytes of what turns the last layer into logits, where that is not the table.
        tied: it is the table; a GPU that computes logits needs a copy of it.
        head_sizes: of keys and values; a quantised cache needs multiples of 32.
        width: of the hidden state. heads: of the queries. vocabulary: tokens.
        trained_context: tokens; 0: not told.
        packing: how most weights are kept, where that is one of `PACKINGS`; else empty.
        certain: the memory of a sequence is the sum over the layers. Where not, that is an upper bound.
    """

    architecture: str
    file_bytes: int
    layers: tuple[Layer, ...]
    table: int
    head: int
    tied: bool
    head_sizes: tuple[int, int]
    width: int
    heads: int
    vocabulary: int
    trained_context: int = 0
    packing: str = ""
    certain: bool = True

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers) + self.table + self.head


def read_shape(path: Path) -> ModelShape:
    """Raises ModelUnusable as `read_all_metadata`."""
    return shape(read_all_metadata(path))


def shape(metadata: Metadata) -> ModelShape:
    m = metadata
    architecture = str(m.values.get("general.architecture") or "")
    count, width = m.whole(f"{architecture}.block_count"), m.whole(f"{architecture}.embedding_length")
    heads = m.whole(f"{architecture}.attention.head_count")
    usual = width // heads if heads else 0
    head_k = m.whole(f"{architecture}.attention.key_length", usual)
    head_v = m.whole(f"{architecture}.attention.value_length", usual)
    groups = m.each(f"{architecture}.attention.head_count_kv", count, heads)
    of_block, elsewhere = _weights(m)
    table = sum(size for name, size in elsewhere.items() if name.startswith("token_embd"))
    simple = not any(m.whole(f"{architecture}.{key}") for key in SMALLER_MEMORY)
    return ModelShape(
        architecture=architecture,
        file_bytes=m.file_bytes,
        layers=tuple(Layer(of_block[i], groups[i] * head_k, groups[i] * head_v) for i in range(count)),
        table=table,
        head=sum(elsewhere.values()) - table,
        tied=not any(name.startswith("output.") for name in elsewhere),
        head_sizes=(head_k, head_v),
        width=width,
        heads=heads,
        vocabulary=m.lengths.get("tokenizer.ggml.tokens", 0) or m.whole(f"{architecture}.vocab_size"),
        trained_context=m.whole(f"{architecture}.context_length"),
        packing=PACKINGS.get(m.whole("general.file_type", -1), ""),
        certain=bool(simple and count and head_k and m.whole("split.count") <= m.parts),
    )


def _weights(metadata: Metadata) -> tuple[Counter[int], dict[str, int]]:
    """Bytes by block, and of the tensors outside of them by name."""
    blocks: Counter[int] = Counter()
    elsewhere: dict[str, int] = {}
    for name, size in metadata.tensors.items():
        block = re.match(r"blk\.(\d+)\.", name)
        if block:
            blocks[int(block[1])] += size
        else:
            elsewhere[name] = size
    return blocks, elsewhere
