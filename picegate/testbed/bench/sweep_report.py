"""A sweep as tables."""

from statistics import mean

from picegate.testbed.bench.sweep import MEASURES, Standing, Sweep
from picegate.testbed.bench.tables import Rows, trial_rows


def sweep_tables(of: Sweep) -> list[Rows]:
    """Ours over the best rival at each value, throughput where it was searched, then every trial of one seed."""
    tables = [_standing_rows(of)]
    if of.tries:
        tables.append(_throughput_rows(of))
    return [*tables, _trial_rows(of)]


def _standing_rows(of: Sweep) -> Rows:
    columns = [of.axis.name]
    lines = {value: [f"{value:g}"] for value in of.axis.values}
    for name, measure in MEASURES.items():
        columns += [name, "over seeds", "best rival"]
        found = {standing.value: standing for standing in of.standings(measure)}
        for value, line in lines.items():
            line.extend(_told(found.get(value)))
    for value, line in lines.items():
        bound = of.bound(value)
        line += [f"{bound.per_s * 60:.1f}", f"{bound.gain:.2f}x"]
    best = f"Ours over the best of {', '.join(of.rivals)}" if of.rivals else "Ours"
    title = f"{best}, and the capacity bound ({of.axis.unit}; {of.told}; emulated)"
    return Rows(title, (*columns, "bound/min", "over cloud"), [tuple(line) for line in lines.values()])


def _throughput_rows(of: Sweep) -> Rows:
    names = [policy.name for policy in of.policies]
    lines = []
    over = {standing.value: standing for standing in of.throughput_standings()}
    for value in of.axis.values:
        found = [mean(seen) if (seen := of.throughput(name, value)) else None for name in names]
        lines.append(
            (
                f"{value:g}",
                *("-" if per_minute is None else f"{per_minute:.1f}" for per_minute in found),
                f"{of.bound(value).per_s * 60:.1f}",
                *_told(over.get(value)),
            )
        )
    title = f"Answers a minute at the objective ({of.axis.unit}; {of.told}; emulated)"
    return Rows(title, (of.axis.name, *names, "bound", "ours over best", "over seeds", "best rival"), lines)


def _told(standing: Standing | None) -> tuple[str, str, str]:
    if standing is None:
        return "-", "-", "-"
    low, high = standing.spread
    return f"{standing.ratio:.2f}", f"{low:.2f} to {high:.2f}" if low != high else "-", standing.rival


def _trial_rows(of: Sweep) -> Rows:
    names = [policy.name for policy in of.policies]
    seed = of.shown[0]
    kept = {(policy, value): trial for (policy, value, s), trial in of.trials.items() if s == seed}
    items = sorted(kept.items(), key=lambda item: (item[0][1], names.index(item[0][0])))
    labels = [f"{value:g}" for (_, value), _ in items]
    return trial_rows([trial for _, trial in items], f"Sweep over {of.axis.name} ({of.axis.unit}), seed {seed}", labels)
