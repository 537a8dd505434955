"""Tables as text, for a terminal and for a page alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from picegate.testbed.bench.figures import OBJECTIVE_S
from picegate.testbed.bench.trial import Trial


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as text, for the terminal and for the page. The first `words` columns are not numbers."""

    title: str
    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]
    words: int = 1

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="left" if place < self.words else "right")
        for line in self.lines:
            table.add_row(*line)
        return table


_IN_TIME = f"in {OBJECTIVE_S:g} s"
_TIMES = (
    "edges",
    "req/min",
    "answers",
    "done/min",
    _IN_TIME,
    "p50 s",
    "p95 s",
    "p99 s",
    "first s",
    "ms/token",
    "stalls",
)
_SPENT = ("cloud tok", "edge tok", "cost/1000", "edge busy", "slots", "failed", "CPU ms")


def trial_rows(trials: Sequence[Trial], title: str, labels: Sequence[str] = ()) -> Rows:
    """One line a trial. `labels`: what stands in front, one each."""
    lines = []
    for row, trial in enumerate(trials):
        f = trial.figures
        lines.append(
            (
                labels[row] if labels else "",
                trial.policy,
                str(trial.edges),
                f"{trial.load.per_minute:.1f}",
                str(f.answers),
                f"{f.achieved_per_minute:.1f}",
                f"{f.in_time_share:.0%}",
                *(number(value) for value in (f.latency_p50, f.latency_p95, f.latency_p99)),
                number(f.first_p50, 2),
                number(f.token_gap_p50 * 1000, 0),
                number(f.stalls_per_answer, 2),
                f"{f.cloud_tokens:.0f}",
                f"{f.edge_tokens:.0f}",
                f"{f.cost * 1000:.3f}",
                f"{f.edge_busy:.0%}",
                f"{f.edge_slots:.0%}",
                str(f.failed),
                f"{f.cpu_ms_per_answer:.0f}",
            )
        )
    return Rows(f"{title} (emulated)", ("", "policy", *_TIMES, *_SPENT), lines, words=2)


def number(value: float, digits: int = 1, unit: str = "") -> str:
    """A dash where there is none."""
    return f"{value:.{digits}f}{unit}" if math.isfinite(value) else "-"


def percent(share: float) -> str:
    return number(share * 100, 0, "%")
