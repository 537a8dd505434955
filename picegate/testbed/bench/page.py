"""Results as one HTML page that needs nothing else: bars, plots, assumptions."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import isfinite
from statistics import mean

from picegate.testbed.bench.ablations import Ablations
from picegate.testbed.bench.ablations_report import ablation_tables
from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.ensembles import Ensembles
from picegate.testbed.bench.headline import Headline
from picegate.testbed.bench.headline_report import headline_rows, limits, point_rows
from picegate.testbed.bench.notes import EMULATED, notes
from picegate.testbed.bench.policies import AUTO, ENSEMBLES
from picegate.testbed.bench.report import about
from picegate.testbed.bench.seeds import Seeded
from picegate.testbed.bench.sweep import Sweep
from picegate.testbed.bench.sweep_report import sweep_tables
from picegate.testbed.bench.tables import Rows
from picegate.testbed.bench.trial import Trial
from picegate.testbed.plot import amounts_svg, lines_svg

_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:1360px;margin:2em auto;padding:0 1em}"
    "svg{margin:0 1em 1em 0;border:1px solid #ddd}.missed,.stopped{color:#b00}.unmeasured{color:#777}li{margin:.15em 0}"
    "table{border-collapse:collapse;margin:1em 0}caption{text-align:left;font-weight:bold;padding:.3em 0}"
    "th,td{text-align:right;padding:.15em .6em;border-bottom:1px solid #ddd}"
    ".words1 :is(th,td):first-child,.words2 :is(th,td):nth-child(-n+2){text-align:left}"
)
_MEASURES: tuple[tuple[str, str, Callable[[Trial], float]], ...] = (
    ("Median latency", "s", lambda trial: trial.figures.latency_p50),
    ("95th percentile of latency", "s", lambda trial: trial.figures.latency_p95),
    ("99th percentile of latency", "s", lambda trial: trial.figures.latency_p99),
    ("Time to first token, median", "s", lambda trial: trial.figures.first_p50),
    ("Time between tokens, median", "ms", lambda trial: trial.figures.token_gap_p50 * 1000),
    ("Pauses over 1 s", "per answer", lambda trial: trial.figures.stalls_per_answer),
    ("Cloud tokens", "per answer", lambda trial: trial.figures.cloud_tokens),
    ("Cost", "per 1,000 answers", lambda trial: trial.figures.cost * 1000),
    ("Time in which an edge computes", "%", lambda trial: trial.figures.edge_busy * 100),
    ("Edge slots that write", "%", lambda trial: trial.figures.edge_slots * 100),
    ("Answers done", "per minute", lambda trial: trial.figures.achieved_per_minute),
)

_OF_ENSEMBLES: tuple[tuple[str, Callable[[Trial], float]], ...] = (
    ("Quality of passages", lambda trial: trial.figures.quality),
    ("Longest pause in an answer, 95th percentile, s", lambda trial: trial.figures.longest_gap_p95),
    ("Median latency, s", lambda trial: trial.figures.latency_p50),
)


def headline_page(of: Headline, bars: Sequence[Bar]) -> str:
    seed = of.shown[0]
    ours = [
        (float(edges), mean(reached))
        for edges in of.scope.edges
        if (reached := [gain for s in of.shown if (gain := of.gain(AUTO.name, edges, s)) is not None])
    ]
    bound = [(float(edges), of_edges.gain) for edges, of_edges in of.bounds.items()]
    gains = lines_svg(
        f"Throughput at p95 <= {of.scope.objective_s:g} s over the cloud alone, {of.told}",
        "edges",
        "times (emulated)",
        {"capacity bound": bound, "ours": [(0.0, 1.0), *ours]},
    )
    series: dict[str, list[tuple[float, Trial]]] = {}
    for (policy, edges, s), hunt in of.hunts.items():
        if s == seed and (edges == of.scope.compared or policy == "cloud"):
            series.setdefault(policy, []).extend((trial.load.per_minute, trial) for trial in hunt.trials)
    for (policy, _, s), trial in of.points.items():
        if s == seed:
            series.setdefault(policy, []).append((trial.load.per_minute, trial))
    plots = _plots(series, f"requests per minute, {of.scope.compared} edges", f"seed {seed}")
    shown = [_table(headline_rows(of)), *(f"<p>{escape(line)}</p>" for line in limits(of))]
    if of.points:
        shown.append(_table(point_rows(of)))
    assumptions = notes(of.workload, (of.cloud, of.edge))
    return _page(of, "picegate: the headline, emulated", [*shown, gains, *plots], bars, assumptions)


def sweep_page(of: Sweep, bars: Sequence[Bar]) -> str:
    series: dict[str, list[tuple[float, Trial]]] = {}
    for (policy, value, seed), trial in of.trials.items():
        if seed in of.shown:
            series.setdefault(policy, []).append((value, trial))
    plots = _plots(series, of.axis.unit, of.told, even=True)
    if of.tries:
        found = {
            policy.name: [(v, mean(seen)) for v in of.axis.values if (seen := of.throughput(policy.name, v))]
            for policy in of.policies
        }
        bound = [(value, of.bound(value).per_s * 60) for value in of.axis.values]
        title = f"Throughput at the objective, {of.told}"
        plots.insert(
            0, lines_svg(title, of.axis.unit, "answers per minute (emulated)", {"bound": bound, **found}, even=True)
        )
    assumptions = [*notes(of.workload, (of.site.cloud, of.site.edge)), *of.notes()]
    shown = [*map(_table, sweep_tables(of)), *plots]
    return _page(of, f"picegate: a sweep over {of.axis.name}, emulated", shown, bars, assumptions)


def ablations_page(of: Ablations, bars: Sequence[Bar], assumptions: Iterable[str]) -> str:
    names = [policy.name for policy in of.policies]
    throughput = {name: mean(found) for name in names if (found := of.throughput(name))}
    plots = [_amounts(f"Answers a minute at the objective, {of.told}", throughput)]
    for faulty, where in ((False, ""), (True, ", with faults")):
        for title, unit, figure in _MEASURES[:2]:
            amounts = {name: mean(seen) for name in names if (seen := of.of_trials(name, figure, faulty=faulty))}
            plots.append(_amounts(f"{title}{where}, {unit}, {of.told}", amounts))
    titles = "".join(f"<li>{escape(policy.name)}: {escape(policy.title)}</li>" for policy in of.policies)
    shown = [*map(_table, ablation_tables(of)), f"<ul>{titles}</ul>", *plots]
    return _page(of, "picegate: what each part is worth, emulated", shown, bars, assumptions)


def ensembles_page(of: Ensembles, bars: Sequence[Bar], assumptions: Iterable[str]) -> str:
    names = [policy.name for policy in ENSEMBLES]
    plots = []
    for title, figure in _OF_ENSEMBLES:
        kept = {name: [of.light[name, seed] for seed in of.shown if (name, seed) in of.light] for name in names}
        amounts = {name: mean(map(figure, trials)) for name, trials in kept.items() if trials}
        plots.append(_amounts(f"{title}, {of.told}", amounts))
    titles = "".join(f"<li>{escape(policy.name)}: {escape(policy.title)}</li>" for policy in ENSEMBLES)
    shown = [_table(of.table()), f"<ul>{titles}</ul>", *plots]
    return _page(of, "picegate: what further candidates bring and cost, emulated", shown, bars, assumptions)


def _table(rows: Rows) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in rows.columns)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in rows.lines)
    return f'<table class="words{rows.words}"><caption>{escape(rows.title)}</caption><tr>{head}</tr>{lines}</table>'


def _plots(series: dict[str, list[tuple[float, Trial]]], x_unit: str, seeds: str, *, even: bool = False) -> list[str]:
    """One plot for each measure, of its mean where several trials of a policy share a value of x."""
    plots = []
    for title, unit, figure in _MEASURES:
        lines = {}
        for name, points in series.items():
            seen: dict[float, list[float]] = {}
            for x, trial in points:
                seen.setdefault(x, []).append(figure(trial))
            lines[name] = [(x, mean(values)) for x, values in seen.items()]
        none = [name for name, points in lines.items() if not any(isfinite(y) for _, y in points)]
        lacks = f"; {', '.join(none)}: none" if none else ""
        plots.append(lines_svg(title, x_unit, f"{unit} ({seeds}; emulated{lacks})", lines, even=even))
    return plots


def _amounts(title: str, amounts: dict[str, float]) -> str:
    """Empty where there is nothing to draw."""
    finite = {name: amount for name, amount in amounts.items() if isfinite(amount)}
    return amounts_svg(f"{title} (emulated)", finite) if finite else ""


def _page(of: Seeded, title: str, plots: Iterable[str], bars: Sequence[Bar], assumptions: Iterable[str]) -> str:
    classes = {True: "met", False: "missed", None: "unmeasured"}
    shown = [f'<li class="{classes[bar.met]}">{escape(bar.told)}</li>' for bar in bars]
    lines = [f"<li>{escape(line)}</li>" for line in assumptions]
    made = about(())
    taken = f"Made {made['taken']}, {made['cores']} cores ({made['machine']}), Python {made['python']}."
    stopped = f'<p class="stopped">Stopped early: this is what there was by then. Figures: {escape(of.told)}.</p>'
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
            *([stopped] if of.interrupted else []),
            f"<p>{escape(EMULATED)}</p><p>{taken}</p><ul>",
            *shown,
            "</ul>",
            *plots,
            "<h2>Assumptions</h2><ul>",
            *lines,
            "</ul></html>\n",
        ]
    )
