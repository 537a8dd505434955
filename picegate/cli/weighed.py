"""The ways to answer that a plan was chosen from, one line each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

HEAD = ("", "mode", "first", "done", "cloud tok", "edge tok", "cost", "")
LEFT = (0, 1, len(HEAD) - 1)  # columns of words; figures end at the same cell

Line = Sequence[str]


def weighed(options: Iterable[Mapping[str, Any]], outcome: Mapping[str, Any] | None = None) -> list[Text]:
    """`options` as in `explain` and in records. `outcome`: the record of what came of it, shown below them."""
    lines = [HEAD, *map(_option, options), *([_came(outcome)] if outcome is not None else [])]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    drawn = [Text(_aligned(line, widths)) for line in lines]
    drawn[0].stylize("dim")
    return drawn


def _option(option: Mapping[str, Any]) -> Line:
    return (
        "->" if option["chosen"] else "",
        option["mode"] + (f" {option['level']}" if option["level"] else ""),
        f"{option['first_token_s']:.2f} s",
        f"{option['finish_s']:.1f} s",
        str(option["cloud_tokens"]),
        str(option["edge_tokens"]),
        f"{option['cost']:.1f}",
        option["out"] or "",
    )


def _came(record: Mapping[str, Any]) -> Line:
    first_s = record["first_token_s"]
    return (
        "",
        "came of it",
        "never" if first_s is None else f"{first_s:.2f} s",
        f"{record['total_s']:.1f} s",
        str(record["cloud_completion_tokens"]),
        str(record["edge_completion_tokens"]),
        "",
        "",
    )


def _aligned(line: Line, widths: Sequence[int]) -> str:
    cells = enumerate(zip(line, widths, strict=True))
    said = [set_cell_size(text, width) if at in LEFT else text.rjust(width) for at, (text, width) in cells]
    return " ".join(said).rstrip()
