"""Where a model's weights are kept in another packing."""

import hashlib
from pathlib import Path


def repacked(model: Path, cache: Path) -> Path:
    """The file for `model` as it is now: another file under its name, or a newer one, gets another place."""
    facts = model.stat()
    mark = hashlib.sha256(f"{model.resolve()}|{facts.st_size}|{facts.st_mtime_ns}".encode()).hexdigest()[:12]
    return cache.expanduser() / "repacked" / f"{model.stem}.{mark}.Q8_0.gguf"
