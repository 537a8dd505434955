"""What each part of ours is worth: ours beside ours without it, where all is well and where edges fail."""

from collections.abc import Callable, Iterator
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


@dataclass(slots=True)
class Ablations:
    """Filled while it is measured.

    Attributes:
        load: its rate and seed are not looked at.
        hunts: searches for throughput at the objective, by policy and seed.
        well, faulty: trials at `MIDDLE` of the cloud's own capacity, without faults and with them.
    """

    site: Site
    load: Load
    workload: Workload
    seeds: tuple[int, ...] = (1,)
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

    def throughput(self, policy: str) -> list[float]:
        """Answers per minute at the objective, of each seed that was searched."""
        hunts = (self.hunts.get((policy, seed)) for seed in self.seeds)
        return [hunt.found.per_minute for hunt in hunts if hunt is not None and hunt.trials]

    def of_trials(self, policy: str, measure: Callable[[Trial], float], *, faulty: bool = False) -> list[float]:
        """A figure of each seed's trial."""
        trials = self.faulty if faulty else self.well
        return [measure(trials[policy, seed]) for seed in self.seeds if (policy, seed) in trials]

    def bars(self) -> list[Bar]:
        """No part may do harm: ours is not worse than the best of those that lack one."""
        return [bar for bar in self._bars() if bar is not None]

    def _bars(self) -> Iterator[Bar | None]:
        others = [policy.name for policy in self.policies if policy.name != AUTO.name]
        reached = {name: mean(of) for name in others if (of := self.throughput(name))}
        if reached:
            best = max(reached, key=lambda name: reached[name])
            pairs = zip(self.throughput(AUTO.name), self.throughput(best), strict=False)
            ratios = [ours / theirs for ours, theirs in pairs if theirs]
            yield bar_over(f"throughput at the objective over the best without a part ({best})", ratios, 2 - BETTER)
        for title, measure, faulty in (
            ("p50 latency", lambda t: t.figures.latency_p50, False),
            ("p95 latency", lambda t: t.figures.latency_p95, False),
            ("p50 latency with faults", lambda t: t.figures.latency_p50, True),
            ("p95 latency with faults", lambda t: t.figures.latency_p95, True),
        ):
            means = {name: mean(of) for name in others if (of := self.of_trials(name, measure, faulty=faulty))}
            if not means:
                continue
            best = min(means, key=lambda name: means[name])
            ours = self.of_trials(AUTO.name, measure, faulty=faulty)
            pairs = zip(ours, self.of_trials(best, measure, faulty=faulty), strict=False)
            ratios = [mine / theirs for mine, theirs in pairs if theirs]
            yield bar_over(
                f"{title} at {MIDDLE:.0%} over the best without a part ({best})", ratios, BETTER, at_least=False
            )

    def as_data(self) -> dict[str, Any]:
        return {
            "per_minute": self.per_minute,
            "throughput": [
                {
                    "policy": policy,
                    "seed": seed,
                    "per_minute": hunt.found.per_minute,
                    "bounded": hunt.found.bounded,
                    "tried": [trial.as_data() for trial in hunt.trials],
                }
                for (policy, seed), hunt in self.hunts.items()
                if hunt.trials
            ],
            "well": [trial.as_data() for trial in self.well.values()],
            "faulty": [trial.as_data() for trial in self.faulty.values()],
        }
