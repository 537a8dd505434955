"""A sweep as tables."""

from collections.abc import Iterator
from statistics import mean

from picegate.testbed.bench.sweep import MEASURES, RIVALS, Standing, Sweep
from picegate.testbed.bench.tables import Rows, trial_rows


def sweep_tables(of: Sweep) -> list[Rows]:
    """Ours over the best rival at each value, throughput where it was searched, then every trial of the first seed."""
    tables = [_standing_rows(of)]
    if of.tries:
        tables.append(_throughput_rows(of))
    return [*tables, _trial_rows(of)]


def _standing_rows(of: Sweep) -> Rows:
    lines: dict[float, list[str]] = {}
    columns = [of.axis.name]
    for name, measure in MEASURES.items():
        columns += [name, "over seeds", "best rival"]
        for standing in of.standings(measure):
            lines.setdefault(standing.value, [f"{standing.value:g}"]).extend(_told(standing))
    title = f"Ours over the best of {', '.join(RIVALS)} ({of.axis.unit}; emulated)"
    return Rows(title, tuple(columns), [tuple(line) for line in lines.values()])


def _throughput_rows(of: Sweep) -> Rows:
    names = [policy.name for policy in of.policies]
    lines = []
    over = {standing.value: standing for standing in of.throughput_standings()}
    for value in of.axis.values:
        found = [mean(seen) if (seen := of.throughput(name, value)) else None for name in names]
        standing = over.get(value)
        lines.append(
            (
                f"{value:g}",
                *("-" if per_minute is None else f"{per_minute:.1f}" for per_minute in found),
                f"{of.bound(value).per_s * 60:.1f}",
                *(_told(standing) if standing else ("-", "-", "-")),
            )
        )
    title = f"Answers a minute at the objective ({of.axis.unit}; emulated)"
    return Rows(title, (of.axis.name, *names, "bound", "ours over best", "over seeds", "best rival"), lines)


def _told(standing: Standing) -> Iterator[str]:
    low, high = standing.spread
    yield f"{standing.ratio:.2f}"
    yield f"{low:.2f} to {high:.2f}" if low != high else "-"
    yield standing.rival


def _trial_rows(of: Sweep) -> Rows:
    names = [policy.name for policy in of.policies]
    seed = of.seeds[0]
    kept = {(policy, value): trial for (policy, value, s), trial in of.trials.items() if s == seed}
    items = sorted(kept.items(), key=lambda item: (item[0][1], names.index(item[0][0])))
    labels = [f"{value:g}" for (_, value), _ in items]
    return trial_rows([trial for _, trial in items], f"Sweep over {of.axis.name} ({of.axis.unit}), seed {seed}", labels)
