"""`picegate bench ...`: measurements with bars; each compares both sides in one run."""

import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from picegate.cli.options import FAILED, complain
from picegate.cli.placement import run_placement
from picegate.cli.quality import run_quality
from picegate.cli.testbed.ablations import run_ablations
from picegate.cli.testbed.calibrate import run_calibrate
from picegate.cli.testbed.ensembles import run_ensembles
from picegate.cli.testbed.headline import run_headline
from picegate.cli.testbed.profiles import profiles
from picegate.cli.testbed.sweep import run_sweep
from picegate.cli.testbed.trial import run_one
from picegate.testbed.overhead import progressive
from picegate.testbed.overhead.figures import SETTINGS, Comparison
from picegate.testbed.overhead.load import LoadFailed
from picegate.testbed.overhead.measure import Turns
from picegate.testbed.overhead.process import resident_mib
from picegate.testbed.overhead.report import table, write
from picegate.testbed.overhead.sides import GATEWAY, running
from picegate.testbed.programs import ProgramFailed

app = typer.Typer(help="Measure picegate; a missed bar ends with status 1.", no_args_is_help=True)


@app.callback()
def benches() -> None:
    """Measure picegate; a missed bar ends with status 1."""
    # As Ctrl-C does, a SIGTERM must end what was started beside the bench.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


app.command("headline")(run_headline)
app.command("sweep")(run_sweep)
app.command("ablations")(run_ablations)
app.command("ensembles")(run_ensembles)
app.command("trial")(run_one)
app.command("calibrate")(run_calibrate)
app.command("profiles")(profiles)
app.command("quality")(run_quality)
app.command("placement")(run_placement)


@app.command()
def gateway(
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every side at every setting.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of one turn.")] = 1.5,
    litellm: Annotated[Path, typer.Option(help="LiteLLM's environment; made where it is not there yet.")] = Path(
        ".venv-litellm"
    ),
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("docs/results"),
) -> None:
    """The gateway beside LiteLLM and beside no gateway at all: the same load, the same fake cloud, turn by turn."""
    console = Console(highlight=False)
    try:
        seen, version, whole = _compare(console, rounds, seconds, litellm)
    except (ProgramFailed, LoadFailed) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    console.print(table(seen, version))
    if whole:
        write(out, seen, version)
        console.print(f"written: {out}/gateway.json, {out}/gateway.svg")
    else:
        console.print("stopped early: nothing was written", style="yellow")
    for bar in seen.bars:
        console.print(str(bar), style=None if bar.met else "red")
    if not whole or not all(bar.met for bar in seen.bars):
        raise typer.Exit(FAILED)


def _compare(console: Console, rounds: int, seconds: float, environment: Path) -> tuple[Comparison, str, bool]:
    """What was measured, LiteLLM's version, and whether it is all that was asked for: Ctrl-C keeps whole rounds."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-bench-")))
        bar = stack.enter_context(Progress(console=console, transient=True))
        steps = len(SETTINGS) * 3 * (rounds + 1) + 3 * (progressive.BATCHES + 1)
        task = bar.add_task("preparing", total=steps)

        def step(what: str) -> None:
            bar.update(task, advance=1, description=what)

        grouped, single, twice = (
            progressive.measure(step, per_piece=words, candidates=candidates)
            for words, candidates in ((progressive.PER_PIECE, 1), (1, 1), (progressive.PER_PIECE, 2))
        )
        with running(work, environment, lambda what: bar.update(task, description=what)) as sides:
            turns, whole = Turns(sides.all()), True
            turns.warm_up(step)
            try:
                for _ in range(rounds):
                    turns.round(seconds, step)
            except KeyboardInterrupt:
                whole = False
                if not turns.count:
                    raise
            resident = {side.target.name: round(resident_mib(side.pid), 1) for side in sides.all()}
        # Its gateway has ended and written down what waited.
        seen = Comparison(turns.rounds, resident, grouped, single, twice, turns.answers[GATEWAY], sides.recorded())
        return seen, sides.litellm_version, whole
