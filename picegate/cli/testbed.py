"""`picegate bench headline | sweep | trial | profiles`: the emulated testbed."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from picegate.cli.options import FAILED, complain, complaints
from picegate.core.errors import ConfigError
from picegate.testbed.bench.bound import capacity, options_of
from picegate.testbed.bench.calibrate import AGREEMENT, agent_at, agree, measure
from picegate.testbed.bench.crew import Crew, crew
from picegate.testbed.bench.headline import QUICK, Bar, Scope, headline
from picegate.testbed.bench.notes import notes
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.page import headline_page, sweep_page
from picegate.testbed.bench.policies import AUTO, CLOUD, EDGE, POLICIES, ROUTE, policy_of
from picegate.testbed.bench.realtime import run_real
from picegate.testbed.bench.report import (
    about,
    bar_data,
    headline_data,
    lag_warning,
    plain,
    show_bars,
    show_headline,
    show_sweep,
    trial_rows,
)
from picegate.testbed.bench.sweep import AXES, Sweep, axis_of
from picegate.testbed.bench.trial import Trial, run_trial
from picegate.testbed.bench.workload import MIXES, VICUNA, Workload, prompts_file, workload
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.emulated.profile import known, load_profile
from picegate.testbed.emulated.site import Site
from picegate.testbed.programs import ProgramFailed

WIDTH = 150
INTERRUPTED = 130  # exit status of a shell for what Ctrl-C ended

CloudOption = Annotated[str, typer.Option("--cloud", help="Profile of the cloud: a name, or a TOML file.")]
EdgeOption = Annotated[str, typer.Option("--edge", help="Profile of the edges.")]
EdgesOption = Annotated[int, typer.Option("--edges", min=0, max=256, help="Number of edges.")]
WorkloadOption = Annotated[str, typer.Option("--workload", help=f"One of: {', '.join(MIXES)}.")]
PromptsOption = Annotated[
    Path | None,
    typer.Option("--prompts", help='Your own questions instead: JSON lines, {"prompt": ..., "words": ...}.'),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
SecondsOption = Annotated[float | None, typer.Option("--seconds", min=5, help="Emulated seconds of one trial.")]
PolicyOption = Annotated[list[str] | None, typer.Option("--policy", help=f"Again for more: {', '.join(POLICIES)}.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Pattern = Literal["poisson", "bursty"]


def run_headline(
    cloud: CloudOption = "headline-cloud",
    edge: EdgeOption = "headline-orin",
    mix: WorkloadOption = VICUNA,
    prompts: PromptsOption = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Seeds 1 to N; each is a run of its own.")] = 1,
    seconds: SecondsOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only with 4 edges, shorter trials.")] = False,
    policies: PolicyOption = None,
    out: OutOption = Path("docs/results"),
) -> None:
    """Ours against the cloud, the alternatives and the capacity bound. EMULATED cloud and edges, the real gateway."""
    console = _console()
    with complaints():
        asked = _questions(mix, prompts)
        chosen = tuple(policy_of(name) for name in policies) if policies else Scope().policies
        scope = Scope(
            seeds=tuple(range(1, seeds + 1)), policies=(CLOUD, *(p for p in chosen if p not in (CLOUD, AUTO)))
        )
        if quick:
            scope = replace(scope, **QUICK)  # type: ignore[arg-type]
        if seconds is not None:
            scope = replace(scope, seconds=seconds)
        measured = headline(scope, load_profile(cloud, "cloud"), load_profile(edge, "edge"), asked)
    _print_notes(console, notes(asked, (measured.cloud, measured.edge)))
    trials, whole = _working(console, measured.trial_count, measured.measure)
    bars = measured.bars()
    show_headline(console, measured)
    show_bars(console, bars)
    data = {**headline_data(measured, bars), "whole": whole}
    _write(console, out, "headline", data, headline_page(measured, bars))
    _end(console, bars, trials, whole=whole)


def run_sweep(
    over: Annotated[str, typer.Argument(help=f"What varies: {', '.join(AXES)}.")],
    load: Annotated[
        float, typer.Option(help="Requests per minute; default: 90 % of what the cloud alone can do.")
    ] = 0.0,
    edges: EdgesOption = 4,
    cloud: CloudOption = "headline-cloud",
    edge: EdgeOption = "headline-orin",
    mix: WorkloadOption = VICUNA,
    prompts: PromptsOption = None,
    pattern: Annotated[Pattern, typer.Option(help="How questions arrive.")] = "poisson",
    seed: int = 1,
    seconds: SecondsOption = None,
    policies: PolicyOption = None,
    out: OutOption = Path("docs/results"),
) -> None:
    """One thing varies, all policies at every value. EMULATED cloud and edges, the real gateway."""
    console = _console()
    with complaints():
        asked = _questions(mix, prompts)
        site = Site(load_profile(cloud, "cloud"), load_profile(edge, "edge"), edges)
        chosen = tuple(policy_of(name) for name in policies) if policies else (AUTO, CLOUD, EDGE, ROUTE)
        offered = _load(load or 0.9 * _alone(site, asked), seconds or 120.0, pattern, seed)
        measured = Sweep(axis_of(over), site, offered, asked, chosen)
    _print_notes(console, notes(asked, (site.cloud, site.edge)))
    trials, whole = _working(console, len(measured.axis.values) * len(chosen), measured.measure)
    bars = measured.bars()
    show_sweep(console, measured)
    show_bars(console, bars)
    data = about(notes(asked, (site.cloud, site.edge))) | {
        "over": over,
        "trials": measured.as_data(),
        "bars": bar_data(bars),
        "whole": whole,
    }
    _write(console, out, f"sweep-{over}", data, sweep_page(measured, bars))
    _end(console, bars, trials, whole=whole)


def run_one(
    name: Annotated[str, typer.Option("--policy", help=f"One of: {', '.join(POLICIES)}.")] = "auto",
    load: Annotated[float, typer.Option(help="Requests per minute.")] = 50.0,
    edges: EdgesOption = 4,
    cloud: CloudOption = "headline-cloud",
    edge: EdgeOption = "headline-orin",
    mix: WorkloadOption = VICUNA,
    prompts: PromptsOption = None,
    pattern: Annotated[Pattern, typer.Option(help="How questions arrive.")] = "poisson",
    seed: int = 1,
    seconds: SecondsOption = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="On the real clock, cloud, edges and gateway in processes of their own.")
    ] = False,
    refuse: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls refused.")] = 0.0,
    die: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls cut in mid-stream.")] = 0.0,
    stall: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls that fall silent.")] = 0.0,
    slowness: Annotated[float, typer.Option(min=0.1, help="Edges take so many times as long.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """One policy at one load. EMULATED cloud and edges, the real gateway."""
    console = _console()
    with complaints():
        policy, asked = policy_of(name), _questions(mix, prompts)
        faults = Faults(refuse, die, stall, slowness)
        site = Site(load_profile(cloud, "cloud"), load_profile(edge, "edge"), edges, edge_faults=faults)
        offered = _load(load, seconds or (30.0 if real_time else 120.0), pattern, seed)
    if not as_json:
        _print_notes(console, notes(asked, (site.cloud, site.edge), virtual=not real_time))
    try:
        made = (run_real if real_time else run_trial)(policy, site, asked, offered)
    except ProgramFailed as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print(json.dumps(plain(made.as_data()), indent=1))
    else:
        console.print(trial_rows([made], f"{made.clock} clock, seed {seed}").table())
        for reason, count in made.figures.errors.items():
            console.print(f"{count} failed: {reason}", style="red")
    if warning := lag_warning([made]):
        complain(warning)
        raise typer.Exit(FAILED)


def run_calibrate(
    url: Annotated[
        str, typer.Argument(help="Root URL of a running agent, idle otherwise, such as http://jetson:8090.")
    ],
    slots: Annotated[int, typer.Option(min=1, max=256, help="Its slots.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Measure a running agent's step and prefill, and compare it with its emulation on one small load, in real time."""
    console = _console()
    with complaints():
        agent = agent_at(url)
        measured = asyncio.run(measure(agent, slots))
        profile = measured.profile(slots)
        compared = asyncio.run(agree(agent, profile))
    if as_json:
        print(
            json.dumps({"measured": asdict(measured), "agreement": asdict(compared), "holds": compared.holds}, indent=1)
        )
    else:
        for batch, step in measured.steps_ms.items():
            console.print(
                f"step with {batch} sequences: {step:.1f} ms, by the line {profile.step_s(batch, 0) * 1000:.1f}"
            )
        console.print(
            f"base_ms = {measured.base_ms:.2f}\nper_sequence_ms = {measured.per_sequence_ms:.2f}\n"
            f"prefill_tokens_per_s = {measured.prefill_tokens_per_s:.0f}  # emulated tokens"
        )
        names = ("mean latency, s", "worst latency, s", "tokens/s")
        for name, ours, emulated, difference in zip(
            names, compared.agent, compared.emulated, compared.differences, strict=True
        ):
            console.print(f"{name}: agent {ours:.3f}, emulated {emulated:.3f} ({difference:+.1%})")
        console.print(f"{'met   ' if compared.holds else 'MISSED'} all within {AGREEMENT:.0%}")
    if not compared.holds:
        raise typer.Exit(FAILED)


def profiles() -> None:
    """The profiles that clouds and edges can be emulated by, and where their figures come from."""
    console = _console()
    with complaints():
        loaded = [load_profile(name) for name in known()]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("profile", "kind", "what", "step ms", "slots", "prefill tok/s", "tok/s at full batch", "rtt ms"):
        table.add_column(column, justify="left" if column in ("profile", "kind", "what") else "right")
    for profile in loaded:
        engine = profile.engine
        table.add_row(
            profile.name,
            profile.kind,
            profile.title,
            f"{engine.base_ms:g} + {engine.per_sequence_ms:g} b",
            str(engine.slots),
            f"{engine.prefill_tokens_per_s:g}",
            f"{engine.tokens_per_s:.0f}",
            f"{profile.link.rtt_ms:g}",
        )
    console.print(table)
    for profile in loaded:
        for figure, source in profile.sources.items():
            console.print(f"{profile.name}: {figure}: {source}")


def _console() -> Console:
    """Tables are wide; a file or a pipe has no width of its own."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def _questions(mix: str, prompts: Path | None) -> Workload:
    return prompts_file(prompts) if prompts is not None else workload(mix)


def _alone(site: Site, asked: Workload) -> float:
    """Answers per minute that the cloud alone can write at most."""
    return capacity([options_of(q, site.cloud.engine, site.edge.engine) for q in asked.questions], 0).per_s * 60


def _load(per_minute: float, seconds: float, pattern: Pattern, seed: int) -> Load:
    try:
        return Load(per_minute, seconds, pattern, seed)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _print_notes(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, style="dim")


def _working(console: Console, total: int, measure: Callable[[Crew], None]) -> tuple[list[Trial], bool]:
    """Measure under a progress bar. Returns the trials made, and whether all were: Ctrl-C ends with what there is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    began = time.perf_counter()
    made: list[Trial] = []
    whole = True
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("trials", total=total)

        def told(trial: Trial) -> None:
            made.append(trial)
            last = f"{trial.policy}, {trial.edges} edges, {trial.load.per_minute:.0f}/min"
            if not console.is_terminal:  # a log shows no bar
                console.print(f"trial {len(made)} of about {total}: {last}, p95 {trial.figures.latency_p95:.1f} s")
            progress.update(
                task, completed=len(made), total=max(total, len(made)), description=f"trials (last: {last})"
            )

        try:
            with crew(told) as workers:
                measure(workers)
        except KeyboardInterrupt:
            whole = False
        if whole:
            progress.update(task, completed=len(made), total=len(made))
    if not whole:
        console.print("interrupted: this is what there is so far", style="yellow")
    console.print(f"{len(made)} trials in {time.perf_counter() - began:.0f} s")
    return made, whole


def _write(console: Console, out: Path, name: str, data: dict[str, Any], page: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(plain(data), indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.html").write_text(page, encoding="utf-8")
    console.print(f"written: {out / name}.json, {out / name}.html")


def _end(console: Console, bars: list[Bar], trials: list[Trial], *, whole: bool) -> None:
    """The exit status: interrupted, a bar missed or nothing measured, figures not to be trusted, else 0."""
    if not whole:
        raise typer.Exit(INTERRUPTED)
    if warning := lag_warning(trials):
        console.print(warning, style="red")
        raise typer.Exit(FAILED)
    if not trials or not all(bar.met for bar in bars):
        raise typer.Exit(FAILED)
