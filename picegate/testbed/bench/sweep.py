"""Sweeps: the same load while one thing varies, all policies at every value."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import mean
from typing import Any

from picegate.testbed.bench.axes import Axis, Setting
from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.bound import Bound, bound_of
from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.hunt import Hunt, Point, hunt_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import AUTO, EDGE, Policy
from picegate.testbed.bench.seeds import Seeded
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.site import Site

WORSE = 1.05  # ours may be so many times as slow as the best alternative
RIVALS = ("cloud", "edge", "route")
MEASURES: dict[str, Callable[[Trial], float]] = {
    "p50 latency": lambda trial: trial.figures.latency_p50,
    "p95 latency": lambda trial: trial.figures.latency_p95,
}

Key = tuple[str, float, int]  # policy, value, seed


@dataclass(frozen=True, slots=True)
class Standing:
    """Ours over the best rival at one value: mean and spread over seeds, and who that rival is most often."""

    value: float
    ratio: float
    spread: tuple[float, float]
    rival: str


@dataclass(slots=True)
class Sweep(Seeded):
    """Filled while it is measured.

    Attributes:
        load: its seed is not looked at; `seeds` are.
        policies: `edge` is left out where there are no edges: the gateway would have the cloud answer in its place.
        tries: trials of one search for throughput at the objective; 0: it is not searched for.
        trials, hunts: by policy, value and seed.
    """

    axis: Axis
    site: Site
    load: Load
    workload: Workload
    policies: tuple[Policy, ...]
    tries: int = 0
    trials: dict[Key, Trial] = field(default_factory=dict)
    hunts: dict[Key, Hunt] = field(default_factory=dict)

    @property
    def trial_count(self) -> int:
        """At most so many trials, for a progress bar."""
        return len(self.seeds) * sum(len(self.at(value)) for value in self.axis.values) * (1 + self.tries)

    @property
    def rivals(self) -> tuple[str, ...]:
        """What ours is compared with."""
        return tuple(policy.name for policy in self.policies if policy.name in RIVALS)

    @property
    def without_edges(self) -> tuple[float, ...]:
        """The values at which `edge` was asked for and is left out."""
        return tuple(value for value in self.axis.values if len(self.at(value)) < len(self.policies))

    def at(self, value: float) -> tuple[Policy, ...]:
        """Who is measured at a value."""
        edges = self._setting(value, self.seeds[0])[0].edges
        return tuple(policy for policy in self.policies if edges or policy.name != EDGE.name)

    def measure(self, crew: Crew) -> None:
        """Measure everything, one seed after another. Broken off, it holds what was done by then."""
        for seed in self.seeds:
            for value in self.axis.values:
                for policy in self.at(value):
                    key = policy.name, value, seed
                    point = self._point(policy, value, seed)
                    crew.later(point, partial(self.trials.__setitem__, key))
                    if self.tries:
                        first = self.hunts.get((policy.name, value, self.seeds[0]))
                        self.hunts[key] = hunt_of(point, self.tries, first=first)
                        crew.hunt(self.hunts[key])
            crew.finish()
            self.done.append(seed)

    def bound(self, value: float) -> Bound:
        site, _, workload = self._setting(value, self.seeds[0])
        return bound_of(site, workload.questions)

    def throughput(self, policy: str, value: float) -> list[float]:
        """Answers per minute at the objective, of each seed shown that was searched to the end."""
        hunts = (self.hunts.get((policy, value, seed)) for seed in self.shown)
        return [found for hunt in hunts if hunt is not None and (found := hunt.per_minute) is not None]

    def standings(self, measure: Callable[[Trial], float]) -> list[Standing]:
        """Ours against the best alternative; the smaller the better. Values at which one of them lacks are left out."""
        found = []
        for value, rivals in self._compared():
            ratios, names = [], []
            for seed in self.shown:
                ours = self.trials.get((AUTO.name, value, seed))
                theirs = [t for name in rivals if (t := self.trials.get((name, value, seed))) is not None]
                if ours is None or len(theirs) < len(rivals):
                    break
                best = min(theirs, key=measure)
                ratios.append(_ratio(measure(ours), measure(best)))
                names.append(best.policy)
            else:
                rival = max(set(names), key=names.count)
                found.append(Standing(value, mean(ratios), (min(ratios), max(ratios)), rival))
        return found

    def throughput_standings(self) -> list[Standing]:
        """Likewise for throughput at the objective; the larger the better."""
        found = []
        for value, rivals in self._compared():
            ours = self.throughput(AUTO.name, value)
            theirs = {name: self.throughput(name, value) for name in rivals}
            if any(len(of) < len(self.shown) for of in (ours, *theirs.values())):
                continue
            rival = max(theirs, key=lambda name: mean(theirs[name]))
            ratios = [_ratio(mine, other) for mine, other in zip(ours, theirs[rival], strict=True)]
            found.append(Standing(value, mean(ratios), (min(ratios), max(ratios)), rival))
        return found

    def bars(self) -> list[Bar]:
        """Ours against the best alternative, at the value where it stands worst."""
        if not self._compared():
            return []
        bars = [self._bar(name, self.standings(measure), WORSE, at_least=False) for name, measure in MEASURES.items()]
        if self.tries:
            bars.append(self._bar("throughput at the objective", self.throughput_standings(), 2 - WORSE, at_least=True))
        return bars

    def _bar(self, name: str, standings: Sequence[Standing], limit: float, *, at_least: bool) -> Bar:
        told = f"{name} over the best of {', '.join(self.rivals)}"
        if self.interrupted or len(standings) < len(self._compared()):
            return Bar(told, None, limit, at_least)
        worst = (min if at_least else max)(standings, key=lambda one: one.ratio)
        spread = min(one.ratio for one in standings), max(one.ratio for one in standings)
        return Bar(f"{told}, worst at {self.axis.name} {worst.value:g}", worst.ratio, limit, at_least, spread)

    def _compared(self) -> list[tuple[float, list[str]]]:
        """The values at which ours and a rival are asked for, with the rivals."""
        found = []
        for value in self.axis.values:
            names = [policy.name for policy in self.at(value)]
            if AUTO.name in names and (rivals := [name for name in names if name in RIVALS]):
                found.append((value, rivals))
        return found

    def notes(self) -> list[str]:
        """What is not as it was asked for."""
        values = ", ".join(f"{value:g}" for value in self.without_edges)
        return [f"edge is left out where there are no edges: at {self.axis.name} {values}"] if values else []

    def bounds_data(self) -> list[dict[str, Any]]:
        bounds = ((value, self.bound(value)) for value in self.axis.values)
        return [{"value": value, "gain": of.gain, "per_minute": of.per_s * 60} for value, of in bounds]

    def as_data(self) -> list[dict[str, Any]]:
        return [{"value": value, **trial.as_data()} for (_, value, _), trial in self.trials.items()]

    def throughput_data(self) -> list[dict[str, Any]]:
        return [
            {
                "value": value,
                "policy": policy,
                "seed": seed,
                "per_minute": hunt.per_minute,
                "bounded": hunt.found.bounded,
                "bound_per_minute": self.bound(value).per_s * 60,
                "tried": [trial.as_data() for trial in hunt.trials],
            }
            for (policy, value, seed), hunt in self.hunts.items()
            if hunt.trials
        ]

    def _point(self, policy: Policy, value: float, seed: int) -> Point:
        return Point(policy, *self._setting(value, seed))

    def _setting(self, value: float, seed: int) -> Setting:
        return self.axis.apply(value, self.site, replace(self.load, seed=seed), self.workload)


def _ratio(ours: float, best: float) -> float:
    """Two that are equally hopeless are equal."""
    if ours == best or (math.isinf(ours) and math.isinf(best)):
        return 1.0
    return ours / best if best else math.inf
