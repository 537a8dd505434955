"""Sweeps: the same load while one thing varies, all policies at every value."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import mean
from typing import Any

from picegate.testbed.bench.axes import Axis
from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.bound import Bound, bound_of
from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.hunt import Hunt, Point, hunt_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import AUTO, Policy
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
class Sweep:
    """Filled while it is measured.

    Attributes:
        load: its seed is not looked at; `seeds` are.
        tries: trials of one search for throughput at the objective; 0: it is not searched for.
        trials, hunts: by policy, value and seed.
    """

    axis: Axis
    site: Site
    load: Load
    workload: Workload
    policies: tuple[Policy, ...]
    seeds: tuple[int, ...] = (1,)
    tries: int = 0
    trials: dict[Key, Trial] = field(default_factory=dict)
    hunts: dict[Key, Hunt] = field(default_factory=dict)

    @property
    def trial_count(self) -> int:
        """At most so many trials, for a progress bar."""
        return len(self.seeds) * len(self.axis.values) * len(self.policies) * (1 + self.tries)

    def measure(self, crew: Crew) -> None:
        """Measure everything, one seed after another. Broken off, it holds what was done by then."""
        for seed in self.seeds:
            for value in self.axis.values:
                for policy in self.policies:
                    key = policy.name, value, seed
                    point = self._point(policy, value, seed)
                    crew.later(point, partial(self.trials.__setitem__, key))
                    if self.tries:
                        first = self.hunts.get((policy.name, value, self.seeds[0]))
                        self.hunts[key] = hunt_of(point, self.tries, first=first)
                        crew.hunt(self.hunts[key])
            crew.finish()

    def bound(self, value: float) -> Bound:
        site, _, workload = self.axis.apply(value, self.site, self.load, self.workload)
        return bound_of(site, workload.questions)

    def throughput(self, policy: str, value: float) -> list[float]:
        """Answers per minute at the objective, of each seed that was searched."""
        hunts = (self.hunts.get((policy, value, seed)) for seed in self.seeds)
        return [hunt.found.per_minute for hunt in hunts if hunt is not None and hunt.trials]

    def standings(self, measure: Callable[[Trial], float]) -> list[Standing]:
        """Ours against the best alternative; the smaller the better. Values without both are left out."""
        found = []
        for value in self.axis.values:
            ratios, names = [], []
            for seed in self.seeds:
                ours = self.trials.get((AUTO.name, value, seed))
                rivals = [t for name in RIVALS if (t := self.trials.get((name, value, seed))) is not None]
                if ours is None or not rivals:
                    continue
                best = min(rivals, key=measure)
                ratios.append(_ratio(measure(ours), measure(best)))
                names.append(best.policy)
            if ratios:
                rival = max(set(names), key=names.count)
                found.append(Standing(value, mean(ratios), (min(ratios), max(ratios)), rival))
        return found

    def throughput_standings(self) -> list[Standing]:
        """Likewise for throughput at the objective; the larger the better."""
        found = []
        for value in self.axis.values:
            ours = self.throughput(AUTO.name, value)
            rivals = {name: of for name in RIVALS if (of := self.throughput(name, value))}
            if not ours or not rivals:
                continue
            rival = max(rivals, key=lambda name: mean(rivals[name]))
            ratios = [_ratio(mine, theirs) for mine, theirs in zip(ours, rivals[rival], strict=False)]
            found.append(Standing(value, mean(ratios), (min(ratios), max(ratios)), rival))
        return found

    def bars(self) -> list[Bar]:
        """Ours against the best alternative, at the value where it stands worst."""
        return list(self._bars())

    def _bars(self) -> Iterator[Bar]:
        rivals = ", ".join(RIVALS)
        for name, measure in MEASURES.items():
            if standings := self.standings(measure):
                worst = max(standings, key=lambda one: one.ratio)
                spread = min(one.ratio for one in standings), worst.ratio
                at = f"{self.axis.name} {worst.value:g}"
                yield Bar(f"{name} over the best of {rivals}, worst at {at}", worst.ratio, WORSE, False, spread)
        if standings := self.throughput_standings():
            worst = min(standings, key=lambda one: one.ratio)
            spread = worst.ratio, max(one.ratio for one in standings)
            at = f"{self.axis.name} {worst.value:g}"
            yield Bar(
                f"throughput at the objective over the best of {rivals}, worst at {at}",
                worst.ratio,
                2 - WORSE,
                True,
                spread,
            )

    def as_data(self) -> list[dict[str, Any]]:
        return [{"value": value, **trial.as_data()} for (_, value, _), trial in self.trials.items()]

    def throughput_data(self) -> list[dict[str, Any]]:
        return [
            {
                "value": value,
                "policy": policy,
                "seed": seed,
                "per_minute": hunt.found.per_minute,
                "bounded": hunt.found.bounded,
                "bound_per_minute": self.bound(value).per_s * 60,
                "tried": [trial.as_data() for trial in hunt.trials],
            }
            for (policy, value, seed), hunt in self.hunts.items()
            if hunt.trials
        ]

    def _point(self, policy: Policy, value: float, seed: int) -> Point:
        site, load, workload = self.axis.apply(value, self.site, replace(self.load, seed=seed), self.workload)
        return Point(policy, site, load, workload)


def _ratio(ours: float, best: float) -> float:
    """Two that are equally hopeless are equal."""
    if ours == best or (math.isinf(ours) and math.isinf(best)):
        return 1.0
    return ours / best if best else math.inf
