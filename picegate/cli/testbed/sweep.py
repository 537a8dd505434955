"""`picegate bench sweep`."""

from typing import Annotated, Any

import typer

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    EDGES,
    MOST_PER_MINUTE,
    RESULTS,
    SECONDS,
    OutOption,
    PatternOption,
    PolicyOption,
    SecondsOption,
    SeedsOption,
    count,
    differs,
    file_name,
    load_of,
    policies_of,
    positive,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.core.errors import ConfigError
from picegate.testbed.bench.axes import AXES, axis_of
from picegate.testbed.bench.page import sweep_page
from picegate.testbed.bench.policies import AUTO, CLOUD, EDGE, ROUTE
from picegate.testbed.bench.report import about, bar_data
from picegate.testbed.bench.sweep import Sweep
from picegate.testbed.bench.sweep_report import sweep_tables

NEARLY_ALL = 0.9  # of what the cloud alone can do, where no load is named
TRIES = 5


@with_the_options_of(set_up)
def run_sweep(
    over: Annotated[str, typer.Argument(help=f"What varies: {', '.join(AXES)}.")],
    *,
    load: Annotated[
        float | None,
        typer.Option(
            max=MOST_PER_MINUTE, callback=positive, help="Requests per minute [90 % of what the cloud alone can do]."
        ),
    ] = None,
    edges: Annotated[int | None, typer.Option(min=0, max=256, help=f"Number of edges [{EDGES}].")] = None,
    pattern: PatternOption = "poisson",
    seeds: SeedsOption = 1,
    seconds: SecondsOption = None,
    throughput: Annotated[
        bool, typer.Option("--throughput", help="Search the throughput at the objective at every value, too.")
    ] = False,
    tries: Annotated[
        int | None, typer.Option(min=1, max=12, help=f"Trials of one search, with --throughput [{TRIES}].")
    ] = None,
    policies: PolicyOption = None,
    out: OutOption = RESULTS,
    **options: Any,
) -> None:
    """One thing varies, all policies at every value. EMULATED cloud and edges, the real gateway."""
    with complaints():
        stage, axis = set_up(**options), axis_of(over)
        if throughput and axis.name == "load":
            raise ConfigError("over load there is no throughput to search: it is a load")
        if load is not None and axis.name == "load":
            raise ConfigError("--load is what a sweep over load varies; leave it out")
        if edges is not None and axis.name == "edges":
            raise ConfigError("--edges is what a sweep over edges varies; leave it out")
        if tries is not None and not throughput:
            raise ConfigError("--tries says how long to search for throughput; it needs --throughput")
        of = Sweep(
            axis,
            stage.site(EDGES if edges is None else edges),
            load_of(NEARLY_ALL * stage.alone() if load is None else load, seconds, pattern),
            stage.asked,
            policies_of(policies, (AUTO, CLOUD, EDGE, ROUTE)),
            seeds=tuple(range(1, seeds + 1)),
            tries=(tries or TRIES) if throughput else 0,
        )
    work = Work([*stage.notes(), *of.notes()], out)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show(sweep_tables(of), bars)
    data = about([*stage.notes(), *of.notes()]) | {
        "over": over,
        "trials": of.as_data(),
        "throughput": of.throughput_data(),
        "bounds": of.bounds_data(),
    }
    changed = (
        differs(load, unit="per-minute"),
        differs(edges, EDGES, "edges"),
        differs(pattern, "poisson"),
        differs(seconds, SECONDS, "s"),
        "throughput" if throughput else "",
        differs(tries, TRIES, "tries"),
        count(policies),
    )
    work.write(out, file_name(f"sweep-{over}", stage, *changed), data | {"bars": bar_data(bars)}, sweep_page(of, bars))
    work.end(bars)
