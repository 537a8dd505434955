"""The headline as tables and as data."""

import math
from collections.abc import Sequence
from statistics import mean
from typing import Any

from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.headline import Headline
from picegate.testbed.bench.notes import notes
from picegate.testbed.bench.policies import PICE_LIKE
from picegate.testbed.bench.report import about, bar_data
from picegate.testbed.bench.tables import Rows, number, percent, trial_rows


def headline_rows(of: Headline) -> Rows:
    """Throughput at the objective, one line for each policy and number of edges."""
    lines = []
    for policy, edges in dict.fromkeys((policy, edges) for policy, edges, _ in of.hunts):
        hunts = [hunt for seed in of.shown if (hunt := of.hunts.get((policy, edges, seed)))]
        found = [per_minute for hunt in hunts if (per_minute := hunt.per_minute) is not None]
        gains = [gain for seed in of.shown if (gain := of.gain(policy, edges, seed)) is not None]
        done, gain = _mean(found), _mean(gains)
        bound = of.bounds[edges]
        best = [hunt.best.figures for hunt in hunts if found and hunt.best is not None]
        lines.append(
            (
                policy,
                str(edges),
                f"{'' if all(hunt.found.bounded for hunt in hunts) or not found else '>= '}{number(done)}",
                number(gain, 2, "x"),
                f"{min(gains):.2f} to {max(gains):.2f}" if len(gains) > 1 else "-",
                f"{bound.gain:.2f}x",
                percent(gain / bound.gain),
                f"{bound.per_s * 60:.1f}",
                percent(done / (bound.per_s * 60)),
                number(_mean([figures.cloud_tokens for figures in best]), 0),
                number(_mean([figures.latency_p50 for figures in best])),
                str(sum(figures.answers for figures in best)) if best else "-",
                str(sum(hunt.found.tried for hunt in hunts)),
            )
        )
    title = f"Answers a minute at p95 <= {of.scope.objective_s:g} s (emulated); {of.told}"
    times = ("answers/min", "over cloud", "over seeds", "bound", "of the bound", "bound/min", "of that")
    return Rows(title, ("policy", "edges", *times, "cloud tok", "p50 s", "answers", "tries"), lines)


def point_rows(of: Headline) -> Rows:
    """All policies at a few loads, one line for each trial of one seed."""
    seed = of.shown[0]
    points = sorted((share, policy) for policy, share, s in of.points if s == seed)
    title = f"With {of.scope.compared} edges at shares of the cloud's own throughput, seed {seed}"
    trials = [of.points[policy, share, seed] for share, policy in points]
    return trial_rows(trials, title, [f"{share:.0%}" for share, _ in points])


def limits(of: Headline) -> list[str]:
    """The bound in sentences, and how far it lies above the nearest rival."""
    bounds = ", ".join(f"{edges}: {bound.gain:.2f}x" for edges, bound in of.bounds.items() if edges)
    return [
        f"capacity bound over the cloud alone ({of.bounds[0].per_s * 60:.1f} answers a minute), by edges: {bounds}",
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
            "per_minute": hunt.per_minute,
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
        "seeds": list(of.seeds),
        "seeds_done": of.done,
        "bounds": bounds,
        "throughput": found,
        "points": points,
        "bars": bar_data(bars),
    }


def _mean(values: Sequence[float]) -> float:
    return mean(values) if values else math.nan
