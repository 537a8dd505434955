"""`picegate bench trial`."""

import json
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from picegate.cli.options import FAILED, JsonOption, complain, complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    EDGES,
    MOST_PER_MINUTE,
    EdgesOption,
    PatternOption,
    SecondsOption,
    load_of,
    positive,
    set_up,
    share,
    times_as_long,
)
from picegate.cli.testbed.work import INTERRUPTED, Work
from picegate.core.errors import ConfigError
from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.notes import bound_note
from picegate.testbed.bench.policies import EDGE, POLICIES, policy_of
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
    load: Annotated[float, typer.Option(max=MOST_PER_MINUTE, callback=positive, help="Requests per minute.")] = 50.0,
    edges: EdgesOption = EDGES,
    refuse: Annotated[float, share("edge calls refused")] = 0.0,
    die: Annotated[float, share("edge calls cut in mid-stream")] = 0.0,
    stall: Annotated[float, share("edge calls that fall silent")] = 0.0,
    mute: Annotated[float, share("edge calls that never begin to answer")] = 0.0,
    outages: Annotated[float, share("cloud calls refused")] = 0.0,
    slowness: Annotated[float, times_as_long("Edges take")] = 1.0,
    straggler: Annotated[float, times_as_long("One edge takes")] = 1.0,
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
        if policy == EDGE and not edges:
            raise ConfigError("there are no edges: policy edge would be answered by the cloud in their place")
        if refuse + die + stall + mute > 1:
            raise ConfigError("--refuse, --die, --stall and --mute are shares of the same calls: together at most 1")
        stage = set_up(**options)
        site = replace(
            stage.site(edges, Faults(refuse, die, stall, mute, slowness), straggler), cloud_faults=Faults(outages)
        )
        offered = load_of(load, seconds or (REAL_SECONDS if real_time else None), pattern, seed)
    work = Work([] if as_json else stage.notes(virtual=not real_time))
    try:
        run = run_real if real_time else run_trial
        made = run(policy, site, stage.asked, offered)
    except ProgramFailed as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        complain("interrupted: there are no figures of a trial that has not ended")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print(json.dumps(plain({**made.as_data(), "bound": asdict(bound_of(site, stage.asked.questions))}), indent=1))
    else:
        failures = (f"{count} failed: {reason}" for reason, count in made.figures.errors.items())
        rows = trial_rows([made], f"{made.clock} clock, seed {seed}")
        work.show([rows, bound_note(site, stage.asked), *failures], [])
    if warning := lag_warning([made]):
        complain(warning)
        raise typer.Exit(FAILED)
