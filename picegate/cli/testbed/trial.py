"""`picegate bench trial`."""

import json
from typing import Annotated, Any

import typer

from picegate.cli.options import FAILED, JsonOption, complain, complaints, with_the_options_of
from picegate.cli.testbed.stage import EdgesOption, PatternOption, SecondsOption, load_of, set_up
from picegate.cli.testbed.work import INTERRUPTED, Work
from picegate.testbed.bench.policies import POLICIES, policy_of
from picegate.testbed.bench.realtime import run_real
from picegate.testbed.bench.report import lag_warning, plain
from picegate.testbed.bench.tables import trial_rows
from picegate.testbed.bench.trial import run_trial
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.programs import ProgramFailed

REAL_SECONDS = 30.0


@with_the_options_of(set_up)
def run_one(
    *,
    name: Annotated[str, typer.Option("--policy", help=f"One of: {', '.join(POLICIES)}.")] = "auto",
    load: Annotated[float, typer.Option(help="Requests per minute.")] = 50.0,
    edges: EdgesOption = 4,
    refuse: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls refused.")] = 0.0,
    die: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls cut in mid-stream.")] = 0.0,
    stall: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls that fall silent.")] = 0.0,
    mute: Annotated[float, typer.Option(min=0, max=1, help="Share of edge calls that never begin to answer.")] = 0.0,
    slowness: Annotated[float, typer.Option(min=0.1, help="Edges take so many times as long.")] = 1.0,
    straggler: Annotated[float, typer.Option(min=0.1, help="One edge takes so many times as long.")] = 1.0,
    pattern: PatternOption = "poisson",
    seed: int = 1,
    seconds: SecondsOption = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="On the real clock, cloud, edges and gateway in processes of their own.")
    ] = False,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """One policy at one load. EMULATED cloud and edges, the real gateway."""
    with complaints():
        policy = policy_of(name)
        stage = set_up(**options)
        site = stage.site(edges, Faults(refuse, die, stall, mute, slowness), straggler)
        offered = load_of(load, seconds or (REAL_SECONDS if real_time else None), pattern, seed)
    work = Work([] if as_json else stage.notes(virtual=not real_time))
    try:
        run = run_real if real_time else run_trial
        made = run(policy, site, stage.asked, offered)
    except ProgramFailed as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print(json.dumps(plain(made.as_data()), indent=1))
    else:
        failures = (f"{count} failed: {reason}" for reason, count in made.figures.errors.items())
        work.show([trial_rows([made], f"{made.clock} clock, seed {seed}"), *failures], [])
    if warning := lag_warning([made]):
        complain(warning)
        raise typer.Exit(FAILED)
