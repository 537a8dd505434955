"""What each part of ours is worth: ours beside ours without it, where all is well and where edges fail."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import mean
from typing import Any

from picegate.testbed.bench.bars import Bar, bar_over
from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.hunt import Hunt, Point, hunt_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import ABLATIONS, AUTO, Policy
from picegate.testbed.bench.seeds import Seeded
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.emulated.site import Site

MIDDLE = 0.7  # of what the cloud alone can do
FAULTS = Faults(die=0.03, stall=0.03, mute=0.03)
STRAGGLER = 4.0
FAULTY = (
    f"with faults: {FAULTS.die:.0%} of the edge calls are cut in mid-stream, {FAULTS.stall:.0%} fall silent there, "
    f"{FAULTS.mute:.0%} never begin to answer, and one edge takes {STRAGGLER:g} times as long as the others"
)
BETTER = 1.05  # a part must not cost more than that

Key = tuple[str, int]  # policy, seed
Measure = Callable[[Trial], float]

_COMPARED: tuple[tuple[str, Measure, bool], ...] = (  # title, figure, whether with faults
    ("p50 latency", lambda t: t.figures.latency_p50, False),
    ("p95 latency", lambda t: t.figures.latency_p95, False),
    ("p50 latency with faults", lambda t: t.figures.latency_p50, True),
    ("p95 latency with faults", lambda t: t.figures.latency_p95, True),
)


@dataclass(slots=True)
class Ablations(Seeded):
    """Filled while it is measured.

    Attributes:
        load: its rate and seed are not looked at.
        hunts: searches for throughput at the objective, by policy and seed.
        well, faulty: trials at `MIDDLE` of the cloud's own capacity, without faults and with them.
    """

    site: Site
    load: Load
    workload: Workload
    tries: int = 4
    policies: tuple[Policy, ...] = (AUTO, *ABLATIONS)
    hunts: dict[Key, Hunt] = field(default_factory=dict)
    well: dict[Key, Trial] = field(default_factory=dict)
    faulty: dict[Key, Trial] = field(default_factory=dict)

    @property
    def trial_count(self) -> int:
        """At most so many trials, for a progress bar."""
        return len(self.seeds) * len(self.policies) * (2 + self.tries)

    @property
    def per_minute(self) -> float:
        """The load of the trials that are no searches."""
        return MIDDLE * bound_of(self.site, self.workload.questions).cloud_only_per_s * 60

    def measure(self, crew: Crew) -> None:
        """Measure everything, one seed after another. Broken off, it holds what was done by then."""
        faulty = replace(self.site, edge_faults=FAULTS, straggler=STRAGGLER)
        for seed in self.seeds:
            load = replace(self.load, per_minute=self.per_minute, seed=seed)
            for policy in self.policies:
                key = policy.name, seed
                point = Point(policy, self.site, load, self.workload)
                self.hunts[key] = hunt_of(point, self.tries, first=self.hunts.get((policy.name, self.seeds[0])))
                crew.hunt(self.hunts[key])
                crew.later(point, partial(self.well.__setitem__, key))
                crew.later(replace(point, site=faulty), partial(self.faulty.__setitem__, key))
            crew.finish()
            self.done.append(seed)

    def throughput(self, policy: str) -> list[float]:
        """Answers per minute at the objective, of each seed shown that was searched to the end."""
        hunts = (self.hunts.get((policy, seed)) for seed in self.shown)
        return [found for hunt in hunts if hunt is not None and (found := hunt.per_minute) is not None]

    def of_trials(self, policy: str, measure: Measure, *, faulty: bool = False) -> list[float]:
        """A figure of the trial of each seed shown."""
        trials = self.faulty if faulty else self.well
        return [measure(trials[policy, seed]) for seed in self.shown if (policy, seed) in trials]

    def bars(self) -> list[Bar]:
        """No part may do harm: ours is not worse than the best of those that lack one."""
        if len(self.policies) < 2:
            return []
        bars = [self._bar("throughput at the objective", self.throughput, 2 - BETTER, at_least=True)]
        for title, measure, faulty in _COMPARED:
            found = partial(self.of_trials, measure=measure, faulty=faulty)
            bars.append(self._bar(f"{title} at {MIDDLE:.0%}", found, BETTER, at_least=False))
        return bars

    def _bar(self, title: str, found: Callable[[str], list[float]], limit: float, *, at_least: bool) -> Bar:
        """`found`: a policy's figure of each seed."""
        told = f"{title} over the best without a part"
        figures = {policy.name: found(policy.name) for policy in self.policies}
        if self.interrupted or any(len(of) < len(self.seeds) for of in figures.values()):
            return Bar(told, None, limit, at_least)
        ours = figures.pop(AUTO.name)
        best = (max if at_least else min)(figures, key=lambda name: mean(figures[name]))
        ratios = [mine / theirs if theirs else None for mine, theirs in zip(ours, figures[best], strict=True)]
        return bar_over(f"{told} ({best})", ratios, limit, at_least=at_least)

    def as_data(self) -> dict[str, Any]:
        return {
            "per_minute": self.per_minute,
            "throughput": [
                {
                    "policy": policy,
                    "seed": seed,
                    "per_minute": hunt.per_minute,
                    "bounded": hunt.found.bounded,
                    "tried": [trial.as_data() for trial in hunt.trials],
                }
                for (policy, seed), hunt in self.hunts.items()
                if hunt.trials
            ],
            "well": [trial.as_data() for trial in self.well.values()],
            "faulty": [trial.as_data() for trial in self.faulty.values()],
        }
