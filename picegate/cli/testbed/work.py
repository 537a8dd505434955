"""How a bench of the testbed works and ends: progress, Ctrl-C, results, exit status."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from picegate.cli.options import FAILED, MISUSED, complain
from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.crew import Crew, crew
from picegate.testbed.bench.report import lag_warning, plain, show_bars
from picegate.testbed.bench.tables import Rows
from picegate.testbed.bench.trial import Trial

WIDTH = 160
INTERRUPTED = 130  # exit status of a shell for what Ctrl-C ended


def wide_console() -> Console:
    """Tables are wide; a file or a pipe has no width of its own."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


class Work:
    """One bench, from its assumptions to its exit status.

    Attributes:
        trials: every one that was made; `whole`: Ctrl-C did not end it before it was done.
    """

    def __init__(self, assumptions: Iterable[str], out: Path | None = None) -> None:
        """`out`: the folder for results; one that cannot be made is told before anything is measured.

        Raises:
            typer.Exit: it cannot be made.
        """
        if out is not None:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                complain(f"--out {out}: {error.strerror}")
                raise typer.Exit(MISUSED) from error
        self._console = wide_console()
        self.trials: list[Trial] = []
        self.whole = True
        for line in assumptions:
            self._console.print(line, style="dim")

    def measure(self, total: int, measure: Callable[[Crew], None]) -> None:
        """Measure under a progress bar; `total`: about how many trials. Ctrl-C ends it with what there is."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console, began = self._console, time.perf_counter()
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("trials", total=total)

            def told(trial: Trial) -> None:
                self.trials.append(trial)
                done = len(self.trials)
                last = f"{trial.policy}, {trial.edges} edges, {trial.load.per_minute:.0f}/min"
                if not console.is_terminal:  # a log shows no bar
                    console.print(f"trial {done} of about {total}: {last}, p95 {trial.figures.latency_p95:.1f} s")
                description = f"trials (last: {last})"
                progress.update(task, completed=done, total=max(total, done), description=description)

            try:
                with crew(told) as workers:
                    measure(workers)
            except KeyboardInterrupt:
                self.whole = False
            else:
                progress.update(task, completed=len(self.trials), total=len(self.trials))
        if not self.whole:
            console.print("interrupted: this is what there is so far", style="yellow")
        console.print(f"{len(self.trials)} trials in {time.perf_counter() - began:.0f} s")

    def show(self, tables: Iterable[Rows | str], bars: Sequence[Bar]) -> None:
        for table in tables:
            self._console.print(table.table() if isinstance(table, Rows) else table)
        show_bars(self._console, bars)

    def write(self, out: Path, name: str, data: dict[str, Any], page: str) -> None:
        """JSON and page, unless there is nothing to write. What Ctrl-C ended never takes the place of a whole run."""
        if not self.trials:
            self._console.print("nothing was measured, so nothing was written", style="yellow")
            return
        if not self.whole:
            name = f"{name}-interrupted"
        data = plain({**data, "interrupted": not self.whole})
        (out / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        (out / f"{name}.html").write_text(page, encoding="utf-8")
        self._console.print(f"written: {out / name}.json, {out / name}.html")

    def end(self, bars: Sequence[Bar]) -> None:
        """The exit status: interrupted, a bar missed or nothing measured, figures not to be trusted, else 0."""
        if not self.whole:
            raise typer.Exit(INTERRUPTED)
        if warning := lag_warning(self.trials):
            self._console.print(warning, style="red")
            raise typer.Exit(FAILED)
        if not self.trials or not all(bar.met for bar in bars):
            raise typer.Exit(FAILED)
