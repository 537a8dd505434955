"""A look at a model file before an engine gets it: its own complaints about a wrong file help nobody."""

import re
import struct
from pathlib import Path

from edge_agent.errors import ModelUnusable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER = struct.Struct("<4sIQQ")  # magic, version, tensors, metadata entries
FIRST_PART = re.compile(r"(?P<stem>.*)-00001-of-(?P<count>\d{5})\.gguf")  # as llama.cpp names them


def parts(path: Path) -> list[Path]:
    """The file itself; where it is the first of several, those that belong to it as well."""
    match = FIRST_PART.fullmatch(path.name)
    if match is None:
        return [path]
    return [
        path.with_name(f"{match['stem']}-{n:05}-of-{match['count']}.gguf") for n in range(1, int(match["count"]) + 1)
    ]


def check_gguf(path: Path) -> None:
    """Raises ModelUnusable, in one sentence, where `path` is no GGUF file that llama.cpp could read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER.size)
            first_key = file.read(8 + 64)
    except FileNotFoundError as error:
        raise ModelUnusable(f"no such model file: {path}") from error
    except OSError as error:
        raise ModelUnusable(f"cannot read the model file {path}: {error.strerror}") from error
    if not head.startswith(MAGIC):
        raise ModelUnusable(f"not a GGUF file (it begins with {head[:4]!r}): {path}")
    if len(head) < HEADER.size:
        raise ModelUnusable(f"corrupt GGUF file (it ends inside its header): {path}")
    _, version, tensors, entries = HEADER.unpack(head)
    if version not in VERSIONS:
        raise ModelUnusable(f"GGUF version {version} is not supported (only 2 and 3): {path}")
    if not tensors or not entries or not _is_key(first_key):
        raise ModelUnusable(f"corrupt GGUF file (its header makes no sense): {path}")


def _is_key(data: bytes) -> bool:
    """Whether this is a metadata key: a length, then so many printable ASCII characters."""
    length = int.from_bytes(data[:8], "little")
    key = data[8 : 8 + min(length, 64)]
    return 0 < length < 65536 and key.isascii() and key.decode("ascii", "replace").isprintable() and bool(key)
