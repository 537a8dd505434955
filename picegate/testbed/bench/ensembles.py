"""What further candidates bring and cost: never, where nobody waits for them, always. Quality is a model of ours."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import mean
from typing import Any

from picegate.testbed.bench.bars import Bar, bar_over
from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.figures import Figures
from picegate.testbed.bench.hunt import Hunt, Point, hunt_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import ENSEMBLES, Policy
from picegate.testbed.bench.seeds import Seeded
from picegate.testbed.bench.tables import Rows, number
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.site import Site

NEVER, SLACK, ALWAYS = ENSEMBLES
LIGHT = 0.5  # of what the cloud alone can do
LEVEL = 2
LONG = 3  # times as long as a search's trials: who is good at what has to be learnt
COSTS = 0.99  # of the throughput without
BRINGS = 0.8  # of the gain in quality that waiting for every candidate brings
FORCED = (
    f"quality is compared at {LIGHT:.0%} of what the cloud alone can do, with every answer progressive at level "
    f"{LEVEL}, so that all three write the same passages, in trials {LONG} times as long; throughput with the planner "
    "free to choose"
)

Key = tuple[str, int]  # policy, seed


def forced(policy: Policy) -> Policy:
    """The same where every request asks for a progressive answer."""
    return replace(policy, model="pice-progressive", body={"pice": {"level": LEVEL}})


@dataclass(slots=True)
class Ensembles(Seeded):
    """Filled while it is measured.

    Attributes:
        hunts: searches for throughput at the objective, by policy and seed.
        light: trials at `LIGHT`.
    """

    site: Site
    load: Load
    workload: Workload
    tries: int
    hunts: dict[Key, Hunt] = field(default_factory=dict)
    light: dict[Key, Trial] = field(default_factory=dict)

    @property
    def trial_count(self) -> int:
        """At most so many trials, for a progress bar."""
        return len(self.seeds) * (3 + 2 * self.tries)

    def measure(self, crew: Crew) -> None:
        """Measure everything, one seed after another. Broken off, it holds what was done by then."""
        per_minute = LIGHT * bound_of(self.site, self.workload.questions).cloud_only_per_s * 60
        for seed in self.seeds:
            load = replace(self.load, per_minute=per_minute, seed=seed)
            for policy in (NEVER, SLACK):
                point = Point(policy, self.site, load, self.workload)
                self.hunts[policy.name, seed] = hunt_of(
                    point, self.tries, first=self.hunts.get((policy.name, self.seeds[0]))
                )
                crew.hunt(self.hunts[policy.name, seed])
            for policy in ENSEMBLES:
                long = replace(load, seconds=LONG * load.seconds)
                point = Point(forced(policy), self.site, long, self.workload)
                crew.later(point, partial(self.light.__setitem__, (policy.name, seed)))
            crew.finish()
            self.done.append(seed)

    def bars(self) -> list[Bar]:
        shares = [self._share(seed) for seed in self.seeds]
        throughput = [_over(self._throughput(SLACK, seed), self._throughput(NEVER, seed)) for seed in self.seeds]
        return [
            bar_over("throughput with further candidates on idle slots over none", throughput, COSTS),
            bar_over("gain in quality, of what waiting for every candidate brings", shares, BRINGS),
        ]

    def table(self) -> Rows:
        columns = ("answers/min", *(title for title, _, _ in _FIGURES))
        lines = []
        for policy in ENSEMBLES:
            found = [reached for seed in self.shown if (reached := self._throughput(policy, seed)) is not None]
            seen = [of.figures for seed in self.shown if (of := self.light.get((policy.name, seed)))]
            figures = [number(mean(map(figure, seen)), digits) if seen else "-" for _, digits, figure in _FIGURES]
            lines.append((policy.name, f"{mean(found):.1f}" if found else "-", *figures))
        where = f"{self.site.edges} edges, {self.told}; emulated"
        title = f"Throughput at the objective, and at light load quality and times ({where})"
        return Rows(title, ("policy", *columns), lines)

    def as_data(self) -> dict[str, Any]:
        return {
            "throughput": [
                {"policy": policy, "seed": seed, "per_minute": hunt.per_minute, "bounded": hunt.found.bounded}
                for (policy, seed), hunt in self.hunts.items()
                if hunt.trials
            ],
            "light": [{**trial.as_data(), "seed": seed} for (_, seed), trial in self.light.items()],
        }

    def _throughput(self, policy: Policy, seed: int) -> float | None:
        hunt = self.hunts.get((policy.name, seed))
        return hunt.per_minute if hunt is not None else None

    def _share(self, seed: int) -> float | None:
        """Of the gain in quality by every candidate, what those bring that nobody waits for."""
        never, slack, always = (self.light.get((policy.name, seed)) for policy in ENSEMBLES)
        if never is None or slack is None or always is None:
            return None
        gain = always.figures.quality - never.figures.quality
        return (slack.figures.quality - never.figures.quality) / gain if gain > 0 else None


def _over(ours: float | None, without: float | None) -> float | None:
    return ours / without if ours is not None and without else None


_FIGURES: tuple[tuple[str, int, Callable[[Figures], float]], ...] = (
    ("answers", 0, lambda f: float(f.answers)),
    ("quality", 4, lambda f: f.quality),
    ("p50 s", 2, lambda f: f.latency_p50),
    ("p95 s", 2, lambda f: f.latency_p95),
    ("first s", 2, lambda f: f.first_p50),
    ("longest pause p95 s", 2, lambda f: f.longest_gap_p95),
    ("edge tok", 0, lambda f: f.edge_tokens),
    ("slots %", 0, lambda f: f.edge_slots * 100),
)
