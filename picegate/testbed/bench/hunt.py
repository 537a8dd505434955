"""A search for the throughput of one policy at one site: where it begins, what it has tried, what it makes of it."""

from dataclasses import dataclass, replace
from statistics import mean

from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.figures import OBJECTIVE_S
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import CLOUD, EDGE, PICE_LIKE, ROUTE, SOT, Policy
from picegate.testbed.bench.search import Found, Search, Seen
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.site import Site
from picegate.testbed.emulated.tokens import TOKENS_PER_WORD

NEAR = 0.9  # of the bound: where ours is looked for first
OF_THE_BOUND = {ROUTE.name: 0.8, PICE_LIKE.name: 0.75}


@dataclass(frozen=True, slots=True)
class Point:
    """One trial to be made."""

    policy: Policy
    site: Site
    load: Load
    workload: Workload


@dataclass(slots=True)
class Hunt:
    """A search for throughput at the objective, and the trials it made."""

    point: Point  # its load's rate is where the search begins
    search: Search
    trials: list[Trial]

    @property
    def found(self) -> Found:
        return self.search.found()

    @property
    def per_minute(self) -> float | None:
        """Answers per minute at the objective; None where the search was broken off, or never begun."""
        return self.found.per_minute if self.search.next() is None else None

    @property
    def best(self) -> Trial | None:
        """The trial at the largest load that met the objective."""
        return max(
            (t for t in self.trials if t.figures.latency_p95 <= self.search.objective_s),
            key=lambda trial: trial.load.per_minute,
            default=None,
        )

    def next(self) -> Point | None:
        rate = self.search.next()
        if rate is None:
            return None
        load = self.point.load
        return replace(self.point, load=replace(load, per_minute=rate))

    def tell(self, trial: Trial) -> None:
        self.trials.append(trial)
        figures = trial.figures
        self.search.tell(Seen(trial.load.per_minute, figures.latency_p95, figures.achieved_per_minute))


def hunt_of(point: Point, tries: int, objective_s: float = OBJECTIVE_S, first: Hunt | None = None) -> Hunt:
    """A search that has tried nothing yet. `first`: the same with another seed, done by now, to begin where it ended.

    The rate of the point's load is not looked at.
    """
    known = first.best.load.per_minute if first is not None and first.best is not None else None
    start = known or likely_per_minute(point.policy, point.site, point.workload)
    load = replace(point.load, per_minute=start)
    return Hunt(replace(point, load=load), Search(start, objective_s, tries, known=known is not None), [])


def likely_per_minute(policy: Policy, site: Site, workload: Workload) -> float:
    """About what will come out, answers per minute; a bad guess only costs tries."""
    bound = bound_of(site, workload.questions)
    alone = bound.cloud_only_per_s * 60
    if policy.name == CLOUD.name or not site.edges:
        return alone
    if policy.name == SOT.name:
        return 0.95 * alone
    if policy.name == EDGE.name:
        words = mean(question.edge_words for question in workload.questions)
        return site.full_edges * site.edge.engine.tokens_per_s / (words * TOKENS_PER_WORD) * 60
    return max(alone, OF_THE_BOUND.get(policy.name, NEAR) * bound.per_s * 60)
