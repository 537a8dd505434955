"""The headline as tables and as data."""

import math
from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.headline import Headline
from picegate.testbed.bench.notes import notes
from picegate.testbed.bench.policies import PICE_LIKE
from picegate.testbed.bench.report import about, bar_data
from picegate.testbed.bench.tables import Rows, number, trial_rows


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
                number(mean(figures.latency_p50 for figures in best)) if best else "-",
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


def _list(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
