"""Sweeps: the same load while one thing varies, all policies at every value."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from picegate.core.errors import ConfigError
from picegate.testbed.bench.bound import capacity, options_of
from picegate.testbed.bench.crew import Crew, Point
from picegate.testbed.bench.headline import Bar
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import AUTO, Policy
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.emulated.site import Site

WORSE = 1.05  # ours may be so many times as slow as the best alternative
RIVALS = ("cloud", "edge", "route")


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies. `apply` gives site, load and workload at a value."""

    name: str
    unit: str
    values: tuple[float, ...]
    apply: Callable[[float, Site, Load, Workload], tuple[Site, Load, Workload]]


def _load(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    options = [options_of(question, site.cloud.engine, site.edge.engine) for question in workload.questions]
    return site, replace(load, per_minute=value * capacity(options, 0).per_s * 60), workload


def _edges(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, edges=int(value)), load, workload


def _rtt(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, edge=site.edge.at(rtt_ms=value)), load, workload


def _cloud_rtt(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, cloud=site.cloud.at(rtt_ms=value)), load, workload


def _bandwidth(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, edge=site.edge.at(mbit_s=value)), load, workload


def _length(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return site, replace(load, per_minute=load.per_minute / value), workload.longer(value)


def _sketch(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, sketch_scale=value), load, workload


def _slowness(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, edge_faults=replace(site.edge_faults, slowness=value)), load, workload


def _deaths(value: float, site: Site, load: Load, workload: Workload) -> tuple[Site, Load, Workload]:
    return replace(site, edge_faults=Faults(die=value)), load, workload


AXES: Mapping[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("load", "of what the cloud alone can do", (0.2, 0.5, 0.8, 1.0, 1.3, 1.7), _load),
        Axis("edges", "edges", (0, 1, 2, 4, 8, 16), _edges),
        Axis("edge-rtt", "ms round trip to the edges", (1, 5, 20, 80, 200), _rtt),
        Axis("cloud-rtt", "ms round trip to the cloud", (10, 40, 120, 300), _cloud_rtt),
        Axis("bandwidth", "Mbit/s to each edge", (0.25, 1, 10, 50), _bandwidth),
        Axis("length", "times the answers' length, at as many words a minute", (0.25, 0.5, 1, 2), _length),
        Axis("sketch", "times the assumed length of sketches", (0.6, 0.8, 1, 1.3, 1.7), _sketch),
        Axis("slowness", "times as slow edges", (1, 2, 4, 10), _slowness),
        Axis("deaths", "share of edge calls cut in mid-stream", (0, 0.05, 0.2, 0.5), _deaths),
    )
}


def axis_of(name: str) -> Axis:
    """Raises ConfigError for an unknown axis, listing those there are."""
    if name not in AXES:
        raise ConfigError(f"nothing called {name!r} can be swept; there are: {', '.join(AXES)}")
    return AXES[name]


@dataclass(slots=True)
class Sweep:
    """Filled while it is measured: trials by (policy, value)."""

    axis: Axis
    site: Site
    load: Load
    workload: Workload
    policies: tuple[Policy, ...]
    trials: dict[tuple[str, float], Trial] = field(default_factory=dict)

    def measure(self, crew: Crew) -> None:
        wanted = [(policy, value) for value in self.axis.values for policy in self.policies]
        for policy, value in wanted:
            site, load, workload = self.axis.apply(value, self.site, self.load, self.workload)
            crew.later(Point(policy, site, load, workload), partial(self.trials.__setitem__, (policy.name, value)))
        crew.finish()

    def bars(self) -> list[Bar]:
        """Ours against the best alternative, at the value where it stands worst."""
        ratios = []
        for value in self.axis.values:
            ours = self.trials.get((AUTO.name, value))
            rivals = [trial for name in RIVALS if (trial := self.trials.get((name, value))) is not None]
            if ours is None or not rivals:
                continue
            best = min(trial.figures.latency_p95 for trial in rivals)
            ratios.append(1.0 if math.isinf(best) else ours.figures.latency_p95 / best)
        if not ratios:
            return []
        name = f"p95 latency over the best of {', '.join(RIVALS)}, at the worst value of {self.axis.name}"
        return [Bar(name, max(ratios), WORSE, False, (min(ratios), max(ratios)))]

    def as_data(self) -> list[dict[str, Any]]:
        return [{"value": value, **trial.as_data()} for (_, value), trial in self.trials.items()]
