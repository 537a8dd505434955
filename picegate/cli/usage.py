"""`picegate usage`: what the ledger knows, read straight from the database, beside a running gateway or without one."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from picegate.accounting.reader import NodeUsage, Reader, Usage
from picegate.cli.options import ConfigOption, JsonOption, complaints, settings_of
from picegate.database import open_database

# Typer takes one Literal, not a union of two: the ledger's groups, and the nodes.
By = Literal["mode", "model", "day", "key", "reason", "node"]

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if found is None:
        raise typer.BadParameter("write a number and m, h, d or w, such as 24h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def usage(
    config: ConfigOption = None,
    since: Annotated[timedelta | None, typer.Option(parser=_span, metavar="24h", help="Default: everything.")] = None,
    by: Annotated[By, typer.Option(help="What to group by.")] = "mode",
    as_json: JsonOption = False,
) -> None:
    """Show requests, tokens, costs and savings."""
    settings = settings_of(config)
    start = datetime.now(UTC) - since if since else None
    with complaints():
        database = open_database(settings.storage.url)
        reader = Reader(database)
        lines: Sequence[Usage | NodeUsage]
        lines = reader.nodes(since=start) if by == "node" else reader.summary(since=start, by=by)
        database.dispose()
    if as_json:
        print(json.dumps([asdict(line) | _saved(line) for line in lines], indent=2))
    elif not lines:
        print("no requests recorded" + (" in that time" if since else " yet"))
    else:
        Console().print(_node_table(lines) if by == "node" else _table(by, lines))


def _saved(line: Usage | NodeUsage) -> dict[str, float]:
    return {"saved": line.saved} if isinstance(line, Usage) else {}


def _table(by: str, lines: Sequence[Usage | NodeUsage]) -> Table:
    table = Table(box=None)
    table.add_column(by, no_wrap=True)
    for name in ("req", "err", "cloud tok", "edge tok", "first", "total", "cost", "saved, est."):
        table.add_column(name, justify="right")
    table.add_column()
    for line in lines:
        if isinstance(line, Usage):
            table.add_row(
                Text(line.group or "-"),
                str(line.requests),
                str(line.errors),
                str(line.cloud_tokens),
                str(line.edge_tokens),
                _seconds(line.mean_first_token_s),
                _seconds(line.mean_total_s),
                f"{line.cost:.4f}",
                f"{line.saved:.4f}",
                Text(line.currency),
            )
    return table


def _node_table(lines: Sequence[Usage | NodeUsage]) -> Table:
    table = Table("node", box=None)
    for name in ("requests", "calls", "failed", "tokens written", "busy"):
        table.add_column(name, justify="right")
    for line in lines:
        if isinstance(line, NodeUsage):
            counts = (line.requests, line.legs, line.failed, line.tokens)
            table.add_row(Text(line.node), *map(str, counts), _seconds(line.busy_s))
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}s"
