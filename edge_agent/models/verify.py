"""Is a file the one that we know?"""

import hashlib
from pathlib import Path
from typing import Protocol


class Known(Protocol):
    """What is known of a file: its bytes and their SHA-256 in hex."""

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> str: ...


def is_genuine(path: Path, entry: Known) -> bool:
    """Whether `path` exists and has the entry's size and SHA-256."""
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
