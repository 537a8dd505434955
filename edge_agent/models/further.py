"""The models that an agent serves beside its main one, as operators write them down."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"(?P<file>.+?\.gguf)(?:=(?P<name>\S(?:.*\S)?))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FurtherModel:
    """A GGUF file and what clients call the model in it."""

    file: Path
    name: str


def parse_further(entries: Sequence[str]) -> tuple[FurtherModel, ...]:
    """From `FILE.gguf=NAME`; without a name the file's own is taken.

    Raises:
        ValueError: an entry of another form, or two models of one name.
    """
    models = tuple(_model(entry) for entry in entries)
    for name, times in Counter(model.name for model in models).items():
        if times > 1:
            raise ValueError(f"{times} models are called {name!r}; name them apart: FILE.gguf=NAME")
    return models


def _model(entry: str) -> FurtherModel:
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        raise ValueError(f"must be FILE.gguf or FILE.gguf=NAME, not {entry!r}")
    file = Path(match["file"]).expanduser()
    return FurtherModel(file, match["name"] or file.stem)
