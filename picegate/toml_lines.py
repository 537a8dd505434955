"""Where in a TOML text a key stands: `tomllib` reads values but forgets their lines."""

import re

_PART = r'(?:"(?:[^"\\]|\\.)*"' r"|'[^']*'|[A-Za-z0-9_-]+)"
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LINE = re.compile(rf"\s*(?:\[\[\s*(?P<element>{_PATH})\s*\]\]|\[\s*(?P<table>{_PATH})\s*\]|(?P<key>{_PATH})\s*=)")

Path = tuple[str, ...]


def line_of(path: Path, text: str) -> int | None:
    """The line, from 1, of the deepest part of `path` that stands in the valid TOML `text`; None where no part does.

    Elements of arrays of tables are numbered from 0: the second `[[nodes]]` is `("nodes", "1")`.
    """
    lines = _index(text)
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)


def _index(text: str) -> dict[Path, int]:
    """Every key path, and every table on the way to it, with the line on which it first stands."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}  # elements seen of each array of tables

    def place(parts: Path, base: Path = ()) -> Path:
        """`base.parts` with the number of the latest element put behind each array of tables."""
        for part in parts:
            base = (*base, part)
            if base in counts:
                base = (*base, str(counts[base] - 1))
        return base

    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.match(line)
        if found is None:
            continue
        if found["key"]:
            path = place(_parts(found["key"]), table)
        elif found["table"]:
            path = table = place(_parts(found["table"]))
        else:
            *outer, name = _parts(found["element"])
            array = (*place(tuple(outer)), name)
            counts[array] = counts.get(array, 0) + 1
            path = table = (*array, str(counts[array] - 1))
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], number)
    return lines


def _parts(path: str) -> Path:
    """The parts of a dotted key, without their quotes."""
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, path))
