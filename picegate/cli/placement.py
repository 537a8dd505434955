"""`picegate bench placement`: how long a decision takes, by the size of the fleet."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from picegate.cli.options import FAILED
from picegate.testbed.bench.growth import BAR_MS, BAR_NODES, SIZES, Growth, growth


def run_placement(
    times: Annotated[int, typer.Option(min=1, help="Decisions of each kind at every size.")] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What each decision takes with 10 to 10,000 nodes; status 1 where one takes over 1 ms with 1,000."""
    made = growth(SIZES, times)
    if as_json:
        print(json.dumps([asdict(one) for one in made], indent=1))
    else:
        _show(made)
    if not all(one.met for one in made):
        raise typer.Exit(FAILED)


def _show(made: list[Growth]) -> None:
    console = Console(highlight=False)
    console.print("ms that a decision takes on this machine, medians")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("nodes", "plan()", "place()", "cut or not"):
        table.add_column(column, justify="right")
    for one in made:
        table.add_row(f"{one.nodes:,}", f"{one.plan:.3f}", f"{one.place:.3f}", f"{one.size:.3f}")
    console.print(table)
    met = all(one.met for one in made)
    word = "met   " if met else "MISSED"
    console.print(f"{word} at most {BAR_MS:g} ms with {BAR_NODES:,} nodes", style=None if met else "red")
