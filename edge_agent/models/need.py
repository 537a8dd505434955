"""How much memory a model will take, estimated from its file."""

import mmap
import re
import struct
from collections.abc import Mapping
from pathlib import Path

from edge_agent.models.gguf import HEADER

SCRATCH_BYTES = 64 * 2**20  # compute buffers and rows of logits
CACHED_BYTES = 2  # of one number in the KV memory: float16

_NUMBERS = dict(enumerate("BbHhIif?")) | dict(
    zip((10, 11, 12), "Qqd", strict=True)
)  # GGUF value type -> struct's letter
_STRING, _ARRAY = 8, 9
_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")

Value = int | float | str | tuple[int | float, ...] | None


def need_bytes(file: Path, *, cells: int) -> int:
    """Weights, and a KV memory of `cells` tokens. Blocks.

    Raises:
        OSError: the file cannot be read.
    """
    weights = sum(part.stat().st_size for part in _parts(file))
    return weights + cells * kv_bytes(_metadata(file)) + SCRATCH_BYTES


def kv_bytes(metadata: Mapping[str, Value]) -> int:
    """Of one token in all layers; 0 where the metadata does not tell, as for models without attention."""
    arch = metadata.get("general.architecture")

    def number(key: str, default: int = 0) -> int:
        value = metadata.get(f"{arch}.{key}")
        return value if isinstance(value, int) else default

    layers, heads = number("block_count"), number("attention.head_count")
    per_layer = metadata.get(f"{arch}.attention.head_count_kv")
    kv_heads = (
        int(sum(per_layer)) if isinstance(per_layer, tuple) else layers * number("attention.head_count_kv", heads)
    )
    width = number("embedding_length") // heads if heads else 0
    return CACHED_BYTES * kv_heads * (number("attention.key_length", width) + number("attention.value_length", width))


def _parts(file: Path) -> list[Path]:
    """The file, and where it is the first of several the others as well."""
    match = _FIRST_PART.search(file.name)
    if match is None:
        return [file]
    stem = file.name[: match.start()]
    parts = [file.with_name(f"{stem}-{n:05}-of-{match[1]}.gguf") for n in range(1, int(match[1]) + 1)]
    return [part for part in parts if part.exists()]


def _metadata(file: Path) -> dict[str, Value]:
    """What can be read of the file's metadata; llama.cpp will complain of the rest. Arrays of strings count as None."""
    found: dict[str, Value] = {}
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            _, _, _, entries = HEADER.unpack_from(data)
            at = HEADER.size
            for _ in range(entries):
                key, at = _string(data, at)
                kind, at = _take(data, at, "I")
                found[key], at = _value(data, at, int(kind))
        except (struct.error, ValueError, KeyError, IndexError, OverflowError):
            pass
    return found


def _value(data: mmap.mmap, at: int, kind: int) -> tuple[Value, int]:
    if kind == _STRING:
        return _string(data, at)
    if kind != _ARRAY:
        return _take(data, at, _NUMBERS[kind])
    inner, at = _take(data, at, "I")
    count, at = _take(data, at, "Q")
    if inner == _STRING:
        for _ in range(int(count)):
            length, at = _take(data, at, "Q")
            at += int(length)
        return None, at
    shape = f"<{int(count)}{_NUMBERS[int(inner)]}"
    return struct.unpack_from(shape, data, at), at + struct.calcsize(shape)


def _string(data: mmap.mmap, at: int) -> tuple[str, int]:
    length, at = _take(data, at, "Q")
    end = at + int(length)
    return data[at:end].decode(errors="replace"), end


def _take(data: mmap.mmap, at: int, letter: str) -> tuple[int | float, int]:
    (value,) = struct.unpack_from("<" + letter, data, at)
    return value, at + struct.calcsize("<" + letter)
