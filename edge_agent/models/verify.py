"""Is a file the one that the manifest names?"""

import hashlib
from pathlib import Path

from edge_agent.models.manifest import ModelEntry


def is_genuine(path: Path, entry: ModelEntry) -> bool:
    """Whether `path` exists and has the entry's size and SHA-256."""
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
