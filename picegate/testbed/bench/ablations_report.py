"""The ablations as a table."""

from collections.abc import Callable, Sequence
from math import nan
from statistics import mean

from picegate.testbed.bench.ablations import MIDDLE, Ablations
from picegate.testbed.bench.figures import Figures
from picegate.testbed.bench.policies import AUTO
from picegate.testbed.bench.tables import Rows, number

Figure = Callable[[Figures], float]


def ablation_tables(of: Ablations) -> list[Rows]:
    """Throughput beside latency at a moderate load; then the same load with faults. Means over seeds."""
    at = f"at {of.per_minute:.1f} a minute, {MIDDLE:.0%} of what the cloud alone can do"
    edges = f"{of.site.edges} edges, {of.told}; emulated"
    well = Rows(
        f"What each part is worth ({edges}): throughput at the objective, and latency {at}",
        ("policy", "answers/min", "of ours", *_COLUMNS),
        [
            (policy.name, *_throughput(of, policy.name), *_trials(of, policy.name, faulty=False))
            for policy in of.policies
        ],
    )
    faulty = Rows(
        f"The same {at}, with faults ({edges})",
        ("policy", *_COLUMNS),
        [(policy.name, *_trials(of, policy.name, faulty=True)) for policy in of.policies],
    )
    return [well, faulty]


_FIGURES: tuple[tuple[str, int, bool, Figure], ...] = (  # title, digits, whether it is shown beside ours, figure
    ("answers", 0, False, lambda f: float(f.answers)),
    ("p50 s", 1, True, lambda f: f.latency_p50),
    ("p95 s", 1, True, lambda f: f.latency_p95),
    ("p99 s", 1, False, lambda f: f.latency_p99),
    ("first s", 2, False, lambda f: f.first_p50),
    ("ms/token", 0, False, lambda f: f.token_gap_p50 * 1000),
    ("stalls", 2, False, lambda f: f.stalls_per_answer),
    ("cloud tok", 0, False, lambda f: f.cloud_tokens),
    ("cost/1000", 3, False, lambda f: f.cost * 1000),
    ("slots %", 0, False, lambda f: f.edge_slots * 100),
    ("failed", 1, False, lambda f: float(f.failed)),
)
_COLUMNS = tuple(column for title, _, beside, _ in _FIGURES for column in ((title, "of ours") if beside else (title,)))


def _throughput(of: Ablations, policy: str) -> tuple[str, str]:
    found = of.throughput(policy)
    done = mean(found) if found else nan
    return number(done), _share(done, of.throughput(AUTO.name))


def _trials(of: Ablations, policy: str, *, faulty: bool) -> list[str]:
    cells = []
    for _, digits, beside, figure in _FIGURES:
        values = of.of_trials(policy, lambda trial, figure=figure: figure(trial.figures), faulty=faulty)  # type: ignore[misc]
        value = mean(values) if values else nan
        cells.append(number(value, digits))
        if beside:
            ours = of.of_trials(AUTO.name, lambda trial, figure=figure: figure(trial.figures), faulty=faulty)  # type: ignore[misc]
            cells.append(_share(value, ours))
    return cells


def _share(value: float, ours: Sequence[float]) -> str:
    return number(value / mean(ours), 2) if ours and mean(ours) else "-"
