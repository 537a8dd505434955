"""`picegate bench ...`: measurements with bars; each compares both sides in one run."""

import json
import os
import platform
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from picegate.cli.options import FAILED, complain
from picegate.cli.quality import run_quality
from picegate.cli.testbed import profiles, run_calibrate, run_headline, run_one, run_sweep
from picegate.testbed.overhead import Overhead, Spread, measure
from picegate.testbed.plot import distribution_svg
from picegate.testbed.programs import Program, ProgramFailed

START_S = 30.0

app = typer.Typer(help="Measure picegate; a missed bar ends with status 1.", no_args_is_help=True)


@app.callback()
def benches() -> None:
    """Measure picegate; a missed bar ends with status 1."""


app.command("headline")(run_headline)
app.command("sweep")(run_sweep)
app.command("trial")(run_one)
app.command("calibrate")(run_calibrate)
app.command("profiles")(profiles)
app.command("quality")(run_quality)


@app.command()
def gateway(
    pairs: Annotated[int, typer.Option(min=20, help="Requests on each side.")] = 300,
    chunks: Annotated[int, typer.Option(min=3, help="Chunks of one answer.")] = 200,
    seconds: Annotated[float, typer.Option(min=1, help="Stop earlier than `pairs` after this time.")] = 50.0,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("docs/results"),
) -> None:
    """What the gateway adds to a streamed call of the cloud: the same request direct and through it, turn by turn."""
    console = Console(highlight=False)
    try:
        seen = _measure(console, pairs, chunks, seconds)
    except (ProgramFailed, RuntimeError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    console.print(_table(seen))
    _write(out, seen)
    console.print(f"written: {out}/gateway.json, {out}/gateway.svg")
    for name, figure, bar, met in seen.bars:
        console.print(
            f"{'met   ' if met else 'MISSED'} {name}: {figure:.3f} (bar {bar:g})", style=None if met else "red"
        )
    if not all(met for *_, met in seen.bars):
        raise typer.Exit(FAILED)


def _measure(console: Console, pairs: int, chunks: int, seconds: float) -> Overhead:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-bench-")))
        fake = ["python", "-m", "picegate.testbed.fast_cloud", str(chunks)]
        cloud = Program("cloud", fake, log=folder / "cloud.log")
        stack.callback(cloud.end)
        direct = f"{cloud.listening(START_S)}/v1"
        config = folder / "picegate.toml"
        database = json.dumps(f"sqlite:///{folder}/ledger.db")
        config.write_text(
            f"[server]\nport = 0\n[access]\nrequire_key = false\n[storage]\nurl = {database}\n"
            f'[cloud]\nbase_url = "{direct}"\nmodel = "cloud-model"\n[logging]\nlevel = "warning"\n',
            encoding="utf-8",
        )
        served = Program("gateway", ["picegate", "serve", "--config", str(config)], log=folder / "gateway.log")
        stack.callback(served.end)
        through = f"{served.listening(START_S)}/v1"
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("asking direct and through the gateway", total=pairs)
            return measure(
                direct,
                through,
                pairs=pairs,
                chunks=chunks,
                budget_s=seconds,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )


def _table(seen: Overhead) -> Table:
    title = f"{seen.pairs} pairs of answers of {seen.chunks} chunks; milliseconds: median (10th to 90th percentile)"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "direct", "gateway", "added"):
        table.add_column(column, justify="left" if not column else "right")
    first, chunk = "time to first token", "time per chunk"
    table.add_row(first, *(_spread(s) for s in (seen.direct_first, seen.gateway_first, seen.added_first)))
    table.add_row(chunk, *(_spread(s) for s in (seen.direct_chunk, seen.gateway_chunk, seen.added_chunk)))
    table.add_row("answers/s, one by one", "1", f"{seen.throughput_ratio:.2f}", "")
    return table


def _spread(of: Spread) -> str:
    return f"{of.median:.3f} ({of.p10:.3f} to {of.p90:.3f})"


def _write(out: Path, seen: Overhead) -> None:
    out.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    taken = {"taken": datetime.now(UTC).isoformat(timespec="seconds"), **machine}
    (out / "gateway.json").write_text(json.dumps(taken | seen.as_data(), indent=1) + "\n", encoding="utf-8")
    plot = distribution_svg("Time to first token, direct and through the gateway", "milliseconds", seen.samples)
    (out / "gateway.svg").write_text(plot, encoding="utf-8")
