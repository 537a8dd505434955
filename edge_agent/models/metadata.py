"""Read what stands in front of a GGUF's tensors: its metadata, and where each tensor lies.

Format: docs/gguf.md of https://github.com/ggml-org/ggml, versions 2 and 3, little-endian. No engine is needed, and of a
file of many gigabytes only the first megabytes are read.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from edge_agent.errors import ModelUnusable
from edge_agent.models.gguf import HEADER, check_gguf, parts

Value = int | float | bool | str | tuple[int | float | bool, ...] | None

DEFAULT_ALIGNMENT = 32
LONGEST_STRING = 1 << 24  # a chat template has some kilobytes
MOST_DIMENSIONS = 4  # of a ggml tensor
STRING, ARRAY = 8, 9
SCALARS = {
    kind: struct.Struct("<" + code)
    for kind, code in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of one file, or of several that are one model's.

    Attributes:
        values: by key. Arrays of strings are not kept (None): the vocabulary alone would be megabytes.
        lengths: entries of every array, by key.
        tensors: bytes of each tensor with its padding, by name.
        file_bytes: the whole file.
        parts: the number of files.
    """

    values: Mapping[str, Value]
    lengths: Mapping[str, int]
    tensors: Mapping[str, int]
    file_bytes: int
    parts: int = 1

    def whole(self, key: str, default: int = 0) -> int:
        """An integer of the metadata; of an array of them the largest."""
        value = self.values.get(key)
        if isinstance(value, tuple):
            value = max(value, default=default)
        return int(value) if isinstance(value, int | float) else default

    def each(self, key: str, count: int, default: int) -> tuple[int, ...]:
        """An integer for each of `count` layers, whether the file gives one for all or an array."""
        value = self.values.get(key)
        if isinstance(value, tuple) and len(value) == count:
            return tuple(int(entry) for entry in value)
        return (self.whole(key, default),) * count


def read_all_metadata(path: Path) -> Metadata:
    """Of a model that may have been split: the first file's values, and what lies in all of them.

    Raises ModelUnusable as `read_metadata`, also where a part is missing.
    """
    files = [read_metadata(part) for part in parts(path)]
    tensors = {name: size for file in files for name, size in file.tensors.items()}
    return replace(files[0], tensors=tensors, file_bytes=sum(file.file_bytes for file in files), parts=len(files))


def read_metadata(path: Path) -> Metadata:
    """Raises ModelUnusable, in one sentence, where `path` is no GGUF file, or ends before its last tensor begins."""
    check_gguf(path)
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except (struct.error, ValueError, KeyError) as error:
        raise ModelUnusable(f"corrupt GGUF file ({error}): {path}") from error
    except OSError as error:
        raise ModelUnusable(f"cannot read the model file {path}: {error.strerror}") from error


def _read(file: BinaryIO, size: int) -> Metadata:
    _, _, tensors, entries = HEADER.unpack(file.read(HEADER.size))
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(entries):
        key = _string(file)
        kind = _scalar(file, 4)
        if kind == ARRAY:
            values[key], lengths[key] = _array(file)
        else:
            values[key] = _value(file, int(kind))
    offsets = dict(_tensor(file) for _ in range(tensors))
    given = values.get("general.alignment")
    alignment = given if isinstance(given, int) and given > 0 else DEFAULT_ALIGNMENT
    begin = -(-file.tell() // alignment) * alignment
    return Metadata(values, lengths, _sizes(offsets, size - begin), size)


def _array(file: BinaryIO) -> tuple[Value, int]:
    kind, count = int(_scalar(file, 4)), int(_scalar(file, 10))
    if kind == STRING:
        for _ in range(count):
            _skip(file, int(_scalar(file, 10)))
        return None, count
    packing = _packing(kind)
    data = file.read(packing.size * count)
    if len(data) < packing.size * count:
        raise ValueError("it ends inside its metadata")
    return tuple(entry for (entry,) in packing.iter_unpack(data)), count


def _value(file: BinaryIO, kind: int) -> Value:
    return _string(file) if kind == STRING else _scalar(file, kind)


def _scalar(file: BinaryIO, kind: int) -> int | float | bool:
    packing = _packing(kind)
    data = file.read(packing.size)
    if len(data) < packing.size:
        raise ValueError("it ends inside its metadata")
    value: int | float | bool = packing.unpack(data)[0]
    return value


def _packing(kind: int) -> struct.Struct:
    try:
        return SCALARS[kind]
    except KeyError:
        raise ValueError(f"its metadata has values of an unknown type {kind}") from None


def _string(file: BinaryIO) -> str:
    length = int(_scalar(file, 10))
    if length > LONGEST_STRING:
        raise ValueError("its metadata makes no sense")
    data = file.read(length)
    if len(data) < length:
        raise ValueError("it ends inside its metadata")
    return data.decode(errors="replace")


def _skip(file: BinaryIO, length: int) -> None:
    if length > LONGEST_STRING:
        raise ValueError("its metadata makes no sense")
    file.read(length)  # sooner than a seek, which would throw the buffer away


def _tensor(file: BinaryIO) -> tuple[str, int]:
    """Name, and offset from where the tensors begin."""
    name = _string(file)
    dimensions = int(_scalar(file, 4))
    if dimensions > MOST_DIMENSIONS:
        raise ValueError("its list of tensors makes no sense")
    for _ in range(dimensions):
        _scalar(file, 10)
    _scalar(file, 4)  # the type: the distance to the next tensor tells the size without it
    return name, int(_scalar(file, 10))


def _sizes(offsets: Mapping[str, int], end: int) -> dict[str, int]:
    ordered = sorted(offsets.items(), key=lambda tensor: tensor[1])
    if ordered and ordered[-1][1] >= end:
        raise ValueError("it ends before its last tensor")
    ends = [offset for _, offset in ordered[1:]] + [end]
    return {name: following - offset for (name, offset), following in zip(ordered, ends, strict=True)}
