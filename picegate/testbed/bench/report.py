"""Results for people at a terminal, and as data for machines."""

import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from picegate.testbed.bench.headline import Bar, Headline
from picegate.testbed.bench.notes import notes
from picegate.testbed.bench.policies import PICE_LIKE
from picegate.testbed.bench.sweep import Sweep
from picegate.testbed.bench.trial import Trial

LATE_SHARE = 0.02  # of engine steps; beyond it figures are not to be trusted


def lag_warning(trials: Iterable[Trial]) -> str:
    """Empty where the emulation kept up."""
    late = max((trial.figures.late_share for trial in trials), default=0.0)
    worst = max((trial.figures.worst_lag_s for trial in trials), default=0.0)
    if late <= LATE_SHARE and worst <= 1.0:
        return ""
    return (
        f"DO NOT TRUST THESE FIGURES: this machine was too busy for the emulation; {late:.1%} of its steps ended late, "
        f"the worst by {worst:.2f} s"
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as text, for the terminal and for the page. The first `words` columns are not numbers."""

    title: str
    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]
    words: int = 1

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.words else "right")
        for line in self.lines:
            table.add_row(*line)
        return table


_TIMES = ("edges", "req/min", "done/min", "p50 s", "p95 s", "p99 s", "first s", "ms/token", "stalls")
_SPENT = ("cloud tok", "edge tok", "cost/1000", "edge busy", "slots", "failed", "CPU ms")


def trial_rows(trials: Sequence[Trial], title: str, labels: Sequence[str] = ()) -> Rows:
    """One line a trial. `labels`: what stands in front, one each."""
    lines = []
    for number, trial in enumerate(trials):
        f = trial.figures
        lines.append(
            (
                labels[number] if labels else "",
                trial.policy,
                str(trial.edges),
                f"{trial.load.per_minute:.1f}",
                f"{f.achieved_per_minute:.1f}",
                *(_number(value) for value in (f.latency_p50, f.latency_p95, f.latency_p99)),
                _number(f.first_p50, 2),
                _number(f.token_gap_p50 * 1000, 0),
                f"{f.stalls_per_answer:.2f}",
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


def show_bars(console: Console, bars: Sequence[Bar]) -> None:
    for bar in bars:
        low, high = bar.spread
        over = f", {low:.3f} to {high:.3f} over seeds or values" if low != high else ""
        console.print(
            f"{'met   ' if bar.met else 'MISSED'} {bar.name}: {bar.figure:.3f} "
            f"(bar: {'at least' if bar.at_least else 'at most'} {bar.bar:g}{over})",
            style=None if bar.met else "red",
        )


def show_headline(console: Console, of: Headline) -> None:
    console.print(headline_rows(of).table())
    for line in limits(of):
        console.print(line)
    if of.points:
        console.print(point_rows(of).table())


def headline_rows(of: Headline) -> Rows:
    """Throughput at the objective, one line for each policy and number of edges."""
    scope = of.scope
    lines = []
    for policy, edges in dict.fromkeys((policy, edges) for policy, edges, _ in of.hunts):
        hunts = [hunt for seed in scope.seeds if (hunt := of.hunts.get((policy, edges, seed))) and hunt.trials]
        if not hunts:
            continue
        done = mean(hunt.found.per_minute for hunt in hunts)
        gains = [gain for seed in scope.seeds if (gain := of.gain(policy, edges, seed)) is not None]
        gain = mean(gains) if gains else math.nan
        bound = of.bounds[edges]
        best = [hunt.best.figures for hunt in hunts if hunt.best is not None]
        lines.append(
            (
                policy,
                str(edges),
                f"{'' if all(hunt.found.bounded for hunt in hunts) else '>= '}{done:.1f}",
                f"{gain:.2f}x",
                f"{min(gains):.2f} to {max(gains):.2f}" if len(gains) > 1 else "-",
                f"{bound.gain:.2f}x",
                f"{gain / bound.gain:.0%}",
                f"{bound.per_s * 60:.1f}",
                f"{done / (bound.per_s * 60):.0%}",
                f"{mean(figures.cloud_tokens for figures in best):.0f}" if best else "-",
                _number(mean(figures.latency_p50 for figures in best)) if best else "-",
                str(sum(hunt.found.tried for hunt in hunts)),
            )
        )
    title = f"Answers a minute at p95 <= {scope.objective_s:g} s (emulated); mean of seeds {_list(scope.seeds)}"
    times = ("answers/min", "over cloud", "over seeds", "bound", "of the bound", "bound/min", "of that")
    return Rows(title, ("policy", "edges", *times, "cloud tok", "p50 s", "tries"), lines)


def point_rows(of: Headline) -> Rows:
    """All policies at a few loads, one line for each trial of the first seed."""
    seed = of.scope.seeds[0]
    points = sorted((share, policy) for policy, share, s in of.points if s == seed)
    title = f"With {of.scope.compared} edges at shares of the cloud's own throughput, seed {seed}"
    trials = [of.points[policy, share, seed] for share, policy in points]
    return trial_rows(trials, title, [f"{share:.0%}" for share, _ in points])


def limits(of: Headline) -> list[str]:
    """The bound in sentences, and how far it lies above the nearest rival."""
    bounds = ", ".join(f"{edges}: {bound.gain:.2f}x" for edges, bound in of.bounds.items() if edges)
    return [
        f"capacity bound over the cloud alone, by edges: {bounds}",
        *(
            f"with {edges} edges the bound is {ceiling:.2f} times what pice-like does"
            for edges in sorted({of.scope.compared, of.scope.most})
            if (ceiling := of.ceiling(PICE_LIKE.name, edges)) is not None
        ),
    ]


def show_sweep(console: Console, of: Sweep) -> None:
    console.print(sweep_rows(of).table())


def sweep_rows(of: Sweep) -> Rows:
    names = [policy.name for policy in of.policies]
    items = sorted(of.trials.items(), key=lambda item: (item[0][1], names.index(item[0][0])))
    labels = [f"{value:g}" for (_, value), _ in items]
    return trial_rows([trial for _, trial in items], f"Sweep over {of.axis.name} ({of.axis.unit})", labels)


def headline_data(of: Headline, bars: Sequence[Bar]) -> dict[str, Any]:
    found = [
        {
            "policy": policy,
            "edges": edges,
            "seed": seed,
            "per_minute": hunt.found.per_minute,
            "bounded": hunt.found.bounded,
            "trials": [trial.as_data() for trial in hunt.trials],
        }
        for (policy, edges, seed), hunt in of.hunts.items()
        if hunt.trials
    ]
    points = [{"share_of_cloud": share, **trial.as_data()} for (_, share, _), trial in of.points.items()]
    bounds = [
        {"edges": edges, "gain": bound.gain, "per_minute": bound.per_s * 60} for edges, bound in of.bounds.items()
    ]
    return {
        **about(notes(of.workload, (of.cloud, of.edge))),
        "objective_s": of.scope.objective_s,
        "seconds": of.scope.seconds,
        "seeds": list(of.scope.seeds),
        "bounds": bounds,
        "throughput": found,
        "points": points,
        "bars": bar_data(bars),
    }


def about(assumptions: Sequence[str]) -> dict[str, Any]:
    return {
        "emulated": True,
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "assumptions": list(assumptions),
    }


def bar_data(bars: Sequence[Bar]) -> list[dict[str, Any]]:
    return [
        {
            "name": bar.name,
            "figure": bar.figure,
            "bar": bar.bar,
            "at_least": bar.at_least,
            "spread": bar.spread,
            "met": bar.met,
        }
        for bar in bars
    ]


def plain(data: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _number(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _list(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
