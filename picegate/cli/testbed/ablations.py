"""`picegate bench ablations`."""

from typing import Any

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    RESULTS,
    EdgesOption,
    OutOption,
    PolicyOption,
    SecondsOption,
    SeedsOption,
    TriesOption,
    load_of,
    policies_of,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.testbed.bench.ablations import FAULTY, Ablations
from picegate.testbed.bench.ablations_report import ablation_tables
from picegate.testbed.bench.page import ablations_page
from picegate.testbed.bench.policies import ABLATIONS, AUTO
from picegate.testbed.bench.report import about, bar_data


@with_the_options_of(set_up)
def run_ablations(
    *,
    edges: EdgesOption = 4,
    seeds: SeedsOption = 1,
    seconds: SecondsOption = None,
    tries: TriesOption = 4,
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
    assumptions = [*stage.notes(), FAULTY]
    work = Work(assumptions)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show(ablation_tables(of), bars)
    data = about(assumptions) | of.as_data() | {"bars": bar_data(bars)}
    work.write(out, "ablations", data, ablations_page(of, bars, assumptions))
    work.end(bars)
