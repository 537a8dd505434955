"""`picegate bench ensembles`."""

from dataclasses import replace
from typing import Any

from picegate.cli.options import complaints, with_the_options_of
from picegate.cli.testbed.stage import (
    RESULTS,
    EdgesOption,
    OutOption,
    SecondsOption,
    SeedsOption,
    TriesOption,
    load_of,
    set_up,
)
from picegate.cli.testbed.work import Work
from picegate.testbed.bench.ensembles import FORCED, Ensembles
from picegate.testbed.bench.page import ensembles_page
from picegate.testbed.bench.report import about, bar_data
from picegate.testbed.emulated.quality import QualityModel


@with_the_options_of(set_up)
def run_ensembles(
    *,
    edges: EdgesOption = 4,
    seeds: SeedsOption = 3,
    seconds: SecondsOption = None,
    tries: TriesOption = 5,
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
    assumptions = [*stage.notes(), *quality.assumptions(), FORCED]
    work = Work(assumptions)
    work.measure(of.trial_count, of.measure)
    bars = of.bars()
    work.show([of.table()], bars)
    data = about(assumptions) | of.as_data() | {"bars": bar_data(bars)}
    work.write(out, "ensembles", data, ensembles_page(of, bars, assumptions))
    work.end(bars)
