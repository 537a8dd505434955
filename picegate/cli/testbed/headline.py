"""`picegate bench headline`."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    RESULTS,
    SECONDS,
    OutOption,
    PolicyOption,
    SecondsOption,
    SeedsOption,
    count,
    differs,
    file_name,
    policies_of,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.testbed.bench.headline import QUICK, Scope, headline
from picegate.testbed.bench.headline_report import headline_data, headline_rows, limits, point_rows
from picegate.testbed.bench.page import headline_page
from picegate.testbed.bench.policies import AUTO, CLOUD


@with_the_options_of(set_up)
def run_headline(
    *,
    seeds: SeedsOption = 2,
    seconds: SecondsOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only with 4 edges, shorter trials.")] = False,
    policies: PolicyOption = None,
    out: OutOption = RESULTS,
    **options: Any,
) -> None:
    """Ours against the cloud, the alternatives and the capacity bound. EMULATED cloud and edges, the real gateway."""
    with complaints():
        stage = set_up(**options)
        rivals = (p for p in policies_of(policies, Scope().policies) if p not in (CLOUD, AUTO))
        scope = Scope(policies=(CLOUD, *rivals))
        if quick:
            scope = replace(scope, **QUICK)  # type: ignore[arg-type]
        if seconds is not None:
            scope = replace(scope, seconds=seconds)
    of = headline(scope, stage.cloud, stage.edge, stage.asked, tuple(range(1, seeds + 1)))
    work = Work(stage.notes(), out)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show([headline_rows(of), *limits(of), *([point_rows(of)] if of.points else [])], bars)
    changed = "quick" if quick else "", differs(seconds, SECONDS, "s"), count(policies)
    work.write(out, file_name("headline", stage, *changed), headline_data(of, bars), headline_page(of, bars))
    work.end(bars)
