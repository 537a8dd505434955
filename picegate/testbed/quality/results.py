"""The file of results: a run without real models keeps what one with them wrote."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REAL = "real"


def write(file: Path, data: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    kept = {REAL: before[REAL]} if REAL in before else {}
    file.write_text(json.dumps({**kept, **data}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
