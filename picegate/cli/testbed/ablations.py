"""`picegate bench ablations`."""

from typing import Any

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    EDGES,
    RESULTS,
    SECONDS,
    OutOption,
    PolicyOption,
    SecondsOption,
    SeedsOption,
    SomeEdgesOption,
    TriesOption,
    count,
    differs,
    file_name,
    load_of,
    policies_of,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.testbed.bench.ablations import FAULTY, Ablations
from picegate.testbed.bench.ablations_report import ablation_tables
from picegate.testbed.bench.notes import bound_note
from picegate.testbed.bench.page import ablations_page
from picegate.testbed.bench.policies import ABLATIONS, AUTO
from picegate.testbed.bench.report import about, bar_data

TRIES = 4


@with_the_options_of(set_up)
def run_ablations(
    *,
    edges: SomeEdgesOption = EDGES,
    seeds: SeedsOption = 1,
    seconds: SecondsOption = None,
    tries: TriesOption = TRIES,
    policies: PolicyOption = None,
    out: OutOption = RESULTS,
    **options: Any,
) -> None:
    """Ours beside ours without one of its parts: what each is worth. EMULATED cloud and edges, the real gateway."""
    with complaints():
        stage = set_up(**options)
        chosen = (policy for policy in policies_of(policies, ABLATIONS) if policy != AUTO)
        of = Ablations(
            stage.site(edges),
            load_of(stage.alone(), seconds),
            stage.asked,
            seeds=tuple(range(1, seeds + 1)),
            tries=tries,
            policies=(AUTO, *chosen),
        )
    assumptions = [*stage.notes(), FAULTY, bound_note(of.site, of.workload)]
    work = Work(assumptions, out)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show(ablation_tables(of), bars)
    data = about(assumptions) | of.as_data() | {"bars": bar_data(bars)}
    changed = differs(edges, EDGES, "edges"), differs(seconds, SECONDS, "s"), differs(tries, TRIES, "tries")
    work.write(
        out, file_name("ablations", stage, *changed, count(policies)), data, ablations_page(of, bars, assumptions)
    )
    work.end(bars)
