"""`picegate bench ensembles`."""

from dataclasses import replace
from typing import Any

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    EDGES,
    RESULTS,
    SECONDS,
    OutOption,
    SecondsOption,
    SeedsOption,
    SomeEdgesOption,
    TriesOption,
    differs,
    file_name,
    load_of,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.testbed.bench.ensembles import FORCED, Ensembles
from picegate.testbed.bench.notes import bound_note
from picegate.testbed.bench.page import ensembles_page
from picegate.testbed.bench.report import about, bar_data
from picegate.testbed.emulated.quality import QualityModel

TRIES = 5


@with_the_options_of(set_up)
def run_ensembles(
    *,
    edges: SomeEdgesOption = EDGES,
    seeds: SeedsOption = 3,
    seconds: SecondsOption = None,
    tries: TriesOption = TRIES,
    out: OutOption = RESULTS,
    **options: Any,
) -> None:
    """What further candidates for a passage bring and cost. EMULATED cloud, edges and quality, the real gateway."""
    with complaints():
        stage = set_up(**options)
        quality = QualityModel()
        of = Ensembles(
            replace(stage.site(edges), quality=quality),
            load_of(stage.alone(), seconds),
            stage.asked,
            seeds=tuple(range(1, seeds + 1)),
            tries=tries,
        )
    assumptions = [*stage.notes(), *quality.assumptions(), FORCED, bound_note(of.site, of.workload)]
    work = Work(assumptions, out)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show([of.table()], bars)
    data = about(assumptions) | of.as_data() | {"bars": bar_data(bars)}
    changed = differs(edges, EDGES, "edges"), differs(seconds, SECONDS, "s"), differs(tries, TRIES, "tries")
    work.write(out, file_name("ensembles", stage, *changed), data, ensembles_page(of, bars, assumptions))
    work.end(bars)
