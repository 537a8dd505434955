"""The part of `picegate bench quality` about seams: does the merged answer read as one text?"""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from picegate.testbed.quality.exam import Share
from picegate.testbed.quality.seams import SeamMarks, examine_seams

HONESTY = (
    "The cases are of our own writing, each around a fault that models make: the figures tell how well such faults are "
    "mended, not how often they occur. Those held back were written before the rules, but by the same hand."
)


@dataclass(frozen=True, slots=True)
class Seams:
    """`tuning`: the cases that the rules were made with."""

    tuning: SeamMarks
    held_back: SeamMarks

    def as_data(self) -> dict[str, Any]:
        return {"note": HONESTY, "held_back": self.held_back.as_data(), "tuning": self.tuning.as_data()}


def seams_section(console: Console) -> Seams:
    """Put every case together twice and print how many read well."""
    seams = Seams(*examine_seams())
    console.print(_table(seams))
    console.print(HONESTY, style="dim")
    return seams


def _table(seams: Seams) -> Table:
    table = Table(title="Answers that read well at their seams", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "made with: without", "mended", "held back: without", "mended"):
        table.add_column(column, justify="left" if not column else "right")
    for kind, held_back in {**seams.held_back.by_kind, **seams.held_back.by_language}.items():
        shares = (*{**seams.tuning.by_kind, **seams.tuning.by_language}[kind], *held_back)
        table.add_row(kind, *(f"{share.hits}/{share.of}" for share in shares))
    whole = (seams.tuning.before, seams.tuning.after, seams.held_back.before, seams.held_back.after)
    table.add_row("all", *(_shown(share) for share in whole))
    return table


def _shown(share: Share) -> str:
    low, high = share.interval
    return f"{share.hits}/{share.of} ({low:.0%} to {high:.0%})"
