"""`picegate bench quality`: are faulty passages told from good ones, and does the merged answer read as one text?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.errors import StartupError
from picegate.cli.options import FAILED, complain
from picegate.cli.real import run_real
from picegate.cli.seams import seams_section
from picegate.settings import QualitySettings
from picegate.testbed.programs import ProgramFailed
from picegate.testbed.quality.exam import CAUGHT, FALSE_ALARMS, Marks, Share, examine, fitted
from picegate.testbed.quality.results import write
from picegate.testbed.quality.seams import READS_WELL
from picegate.testbed.real.bench import Scale
from picegate.testbed.real.figures import Bar

INTERRUPTED = 130  # as a shell reports SIGINT

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
    real: Annotated[
        bool, typer.Option("--real", help="Real models, too: is an ensemble of two worth it? Fetches 1.7 GB.")
    ] = False,
    questions: Annotated[int, typer.Option(min=1, help="With --real.")] = 8,
    runs: Annotated[int, typer.Option(min=1, help="With --real.")] = 3,
    slots: Annotated[int, typer.Option(min=1, help="With --real: of each agent.")] = 6,
    engine: Annotated[str, typer.Option(help="With --real, of the agents: auto, llama or prebuilt.")] = "auto",
) -> None:
    """Plant faults into good passages and see how many the score catches, and how many good ones it suspects.

    And put answers together from faulty passages: how many of them read well, with the seams mended and without. With
    --real, agents with two small models answer questions, too: each model alone, both, both as an ensemble.
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
    data = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": HONESTY,
        "threshold": threshold,
        "bars": [{"name": name, "bar": bar, "met": met, **share.as_data()} for name, share, bar, met in bars],
        "held_back": held_back.as_data(),
        "tuning": tuning.as_data(),
        "seams": seams.as_data(),
    }
    further: list[Bar] = []
    if real:
        further, data["real"] = _with_real_models(console, questions, Scale(runs, slots, engine))
    else:
        console.print("Real models were not asked: --real (make bench-quality REAL=1) does, for some 20 minutes.")
    write(out / "quality.json", data)
    console.print(f"written: {out}/quality.json")
    for name, share, bar, met in bars:
        _verdict(console, f"{name}: {_shown(share)} (bar {bar:.0%})", met=met)
    for one in further:
        _verdict(console, str(one), met=one.met)
    if not all(met for *_, met in bars) or not all(one.met for one in further):
        raise typer.Exit(FAILED)


def _with_real_models(console: Console, questions: int, scale: Scale) -> tuple[list[Bar], dict[str, Any]]:
    try:
        return run_real(console, questions, scale)
    except (ProgramFailed, StartupError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        console.print("stopped early: nothing was written", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


def _verdict(console: Console, text: str, *, met: bool) -> None:
    console.print(f"{'met   ' if met else 'MISSED'} {text}", style=None if met else "red")


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
