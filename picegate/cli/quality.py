"""`picegate bench quality`: are faulty passages told from good ones, and does the merged answer read as one text?"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from picegate.cli.options import FAILED
from picegate.cli.seams import seams_section
from picegate.settings import QualitySettings
from picegate.testbed.quality.exam import CAUGHT, FALSE_ALARMS, Marks, Share, examine, fitted
from picegate.testbed.quality.seams import READS_WELL

HONESTY = (
    "Faults are planted by rules into passages of our own writing, which keep to their notes more closely than small "
    "models do: the figures tell how well such faults are seen, not how many a real model makes, nor how often its "
    "good passages raise a false alarm."
)


def run_quality(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("docs/results"),
    fit: Annotated[
        bool, typer.Option("--fit", help="Print the weights that the tuning half asks for; no exam.")
    ] = False,
) -> None:
    """Plant faults into good passages and see how many the score catches, and how many good ones it suspects.

    And put answers together from faulty passages: how many of them read well, with the seams mended and without.
    """
    console = Console(highlight=False)
    if fit:
        bias, weights = fitted()
        console.print(f"bias {bias:.2f}")
        for name, weight in weights.items():
            console.print(f"{name:14} {weight:.2f}")
        return
    threshold = QualitySettings().threshold
    tuning, held_back = examine(threshold)
    console.print(_table(tuning, held_back))
    console.print(HONESTY, style="dim")
    seams = seams_section(console)
    bars = (
        ("planted faults caught, held back", held_back.caught, CAUGHT, held_back.caught.value >= CAUGHT),
        ("false alarms, held back", held_back.false_alarms, FALSE_ALARMS, held_back.false_alarms.value <= FALSE_ALARMS),
        ("answers that read well at their seams, held back", seams.held_back.after, READS_WELL, seams.held_back.met),
    )
    out.mkdir(parents=True, exist_ok=True)
    data = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": HONESTY,
        "threshold": threshold,
        "bars": [{"name": name, "bar": bar, "met": met, **share.as_data()} for name, share, bar, met in bars],
        "held_back": held_back.as_data(),
        "tuning": tuning.as_data(),
        "seams": seams.as_data(),
    }
    (out / "quality.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {out}/quality.json")
    for name, share, bar, met in bars:
        mark = "met   " if met else "MISSED"
        console.print(f"{mark} {name}: {_shown(share)} (bar {bar:.0%})", style=None if met else "red")
    if not all(met for *_, met in bars):
        raise typer.Exit(FAILED)


def _table(tuning: Marks, held_back: Marks) -> Table:
    title = "Share, count and 95 % interval (Wilson); both languages"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "tuning half", "held back"):
        table.add_column(column, justify="left" if not column else "right")
    for kind, share in held_back.by_kind.items():
        table.add_row(kind, _shown(tuning.by_kind[kind]), _shown(share))
    table.add_row("all faults", _shown(tuning.caught), _shown(held_back.caught))
    table.add_row("false alarms", _shown(tuning.false_alarms), _shown(held_back.false_alarms))
    return table


def _shown(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} ({share.hits}/{share.of}; {low:.1%} to {high:.1%})"
