"""The headline: what the gateway makes of a cloud and some edges, against the alternatives and against the bound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean

from picegate.testbed.bench.bars import Bar, bar_over
from picegate.testbed.bench.bound import Bound, bound_of
from picegate.testbed.bench.crew import Crew
from picegate.testbed.bench.figures import OBJECTIVE_S
from picegate.testbed.bench.hunt import Hunt, Point, hunt_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import AUTO, BASELINES, CLOUD, PICE_LIKE, QUALITY, Policy
from picegate.testbed.bench.seeds import Seeded
from picegate.testbed.bench.trial import Trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.site import Site

LIGHT, MIDDLE, HEAVY = 0.2, 0.7, 0.95  # shares of what the cloud alone can do
SHOWN_EDGES = (1, 2, 4, 6, 8, 16)  # the bound is printed for these
AIMED = 0.9  # of the bound


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is measured.

    Attributes:
        edges: numbers of edges at which ours is searched; `compared` the one at which all policies are.
        seconds: offered load of one trial; `tries`: trials of one search.
    """

    edges: tuple[int, ...] = (1, 2, 4, 8)
    compared: int = 4
    seconds: float = 120.0
    tries: int = 4
    objective_s: float = OBJECTIVE_S
    policies: tuple[Policy, ...] = BASELINES

    @property
    def most(self) -> int:
        return max(self.edges)


QUICK = {"edges": (4,), "seconds": 90.0}


@dataclass(slots=True)
class Headline(Seeded):
    """Filled while it is measured; what was not reached stays empty.

    Attributes:
        hunts: searches by (policy, edges, seed).
        points: trials by (policy, share of the cloud's own throughput, seed), all with `scope.compared` edges.
    """

    scope: Scope
    cloud: Profile
    edge: Profile
    workload: Workload
    bounds: Mapping[int, Bound]
    hunts: dict[tuple[str, int, int], Hunt] = field(default_factory=dict)
    points: dict[tuple[str, float, int], Trial] = field(default_factory=dict)

    def site(self, edges: int) -> Site:
        return Site(self.cloud, self.edge, edges)

    def throughput(self, policy: str, edges: int, seed: int) -> float | None:
        hunt = self.hunts.get((policy, edges, seed))
        return hunt.per_minute if hunt is not None else None

    def gain(self, policy: str, edges: int, seed: int) -> float | None:
        """A policy against the cloud alone."""
        done, alone = self.throughput(policy, edges, seed), self.throughput(CLOUD.name, 0, seed)
        return done / alone if done is not None and alone else None

    def ceiling(self, policy: str, edges: int) -> float | None:
        """The bound over what a policy reaches (mean over seeds)."""
        found = [value for seed in self.shown if (value := self.throughput(policy, edges, seed))]
        return self.bounds[edges].per_s * 60 / mean(found) if found else None

    @property
    def trial_count(self) -> int:
        """About how many trials there will be, for a progress bar."""
        again = PICE_LIKE in self.scope.policies and self.scope.most != self.scope.compared
        hunts = 1 + len(self.scope.edges) + len(self.scope.policies) - 1 + again
        points = 3 * 2 + 1 + len(self.scope.policies) - 1
        return len(self.seeds) * (hunts * self.scope.tries + points)

    def measure(self, crew: Crew) -> None:
        """Measure everything. Broken off, it holds what was done by then."""
        for seed in self.seeds:
            self._search(crew, seed)
            self._compare(crew, seed)
            self.done.append(seed)

    def bars(self) -> list[Bar]:
        return list(_bars(self))

    def _search(self, crew: Crew, seed: int) -> None:
        scope = self.scope
        wanted = [(CLOUD, 0), *((AUTO, edges) for edges in scope.edges)]
        wanted += [(policy, scope.compared) for policy in scope.policies if policy.name != CLOUD.name]
        if PICE_LIKE in scope.policies and scope.most != scope.compared:
            wanted.append((PICE_LIKE, scope.most))
        for policy, edges in wanted:
            first = self.hunts.get((policy.name, edges, self.seeds[0]))  # of the first seed, done by now
            load = Load(1.0, scope.seconds, seed=seed)
            point = Point(policy, self.site(edges), load, self.workload)
            self.hunts[policy.name, edges, seed] = hunt_of(point, scope.tries, scope.objective_s, first)
        # The longest first, so that no process is idle at the end.
        hunts = [hunt for (_, _, of), hunt in self.hunts.items() if of == seed]
        for hunt in sorted(hunts, key=lambda hunt: -hunt.point.load.per_minute):
            crew.hunt(hunt)
        crew.finish()

    def _compare(self, crew: Crew, seed: int) -> None:
        alone = self.throughput(CLOUD.name, 0, seed)
        if not alone:
            return
        wanted = [(policy, share) for share in (LIGHT, MIDDLE, HEAVY) for policy in (AUTO, CLOUD)]
        wanted += [(policy, MIDDLE) for policy in self.scope.policies if policy.name != CLOUD.name]
        wanted.append((QUALITY, LIGHT))
        for policy, share in wanted:
            load = Load(share * alone, self.scope.seconds, seed=seed)
            point = Point(policy, self.site(self.scope.compared), load, self.workload)
            crew.later(point, partial(self.points.__setitem__, (policy.name, share, seed)))
        crew.finish()


def headline(
    scope: Scope, cloud: Profile, edge: Profile, workload: Workload, seeds: tuple[int, ...] = (1,)
) -> Headline:
    """An empty one, with its bounds."""
    counts = sorted({0, *SHOWN_EDGES, *scope.edges, scope.compared})
    bounds = {edges: bound_of(Site(cloud, edge, edges), workload.questions) for edges in counts}
    return Headline(scope, cloud, edge, workload, bounds, seeds=seeds)


def _bars(of: Headline) -> Iterator[Bar]:
    scope, four = of.scope, of.scope.compared
    at = of.points

    def bar(name: str, limit: float, figure: Callable[[int], float], *, at_least: bool = True) -> Bar:
        return bar_over(name, [_try(figure, seed) for seed in of.seeds], limit, at_least=at_least)

    for edges in scope.edges:
        bound = of.bounds[edges].gain
        yield bar(
            f"throughput over cloud alone with {edges} edges, share of the bound ({bound:.2f}x)",
            AIMED,
            lambda seed, edges=edges, bound=bound: _known(of.gain(AUTO.name, edges, seed)) / bound,  # type: ignore[misc]
        )
    yield bar(
        f"median latency with {four} edges at {MIDDLE:.0%} of the cloud's own throughput, lower by",
        0.45,
        lambda s: 1 - at["auto", MIDDLE, s].figures.latency_p50 / at["cloud", MIDDLE, s].figures.latency_p50,
    )
    most = scope.most
    yield bar(
        f"cloud tokens per answer at saturation with {most} edges, fewer by",
        0.6,
        lambda s: 1 - _best(of, "auto", most, s).figures.cloud_tokens / _best(of, "cloud", 0, s).figures.cloud_tokens,
    )
    yield bar(
        "first token at light load, times the cloud's",
        1.1,
        lambda s: at["auto", LIGHT, s].figures.first_p50 / at["cloud", LIGHT, s].figures.first_p50,
        at_least=False,
    )
    yield bar(
        "first token at heavy load, times the cloud's",
        1.0,
        lambda s: at["auto", HEAVY, s].figures.first_p50 / at["cloud", HEAVY, s].figures.first_p50,
        at_least=False,
    )
    yield bar(
        "quality-first answers that stay in the cloud at light load",
        0.95,
        lambda s: at[QUALITY.name, LIGHT, s].figures.modes.get("cloud", 0) / at[QUALITY.name, LIGHT, s].figures.answers,
    )
    if PICE_LIKE in scope.policies:
        yield bar(
            f"throughput over pice-like with {most} edges, times",
            1.3,
            lambda s: _throughput(of, "auto", most, s) / _throughput(of, "pice-like", most, s),
        )
        yield bar(
            "first token sooner than pice-like's, times",
            3.0,
            lambda s: at["pice-like", MIDDLE, s].figures.first_p50 / at["auto", MIDDLE, s].figures.first_p50,
        )
    rivals = [policy.name for policy in scope.policies if policy.name in ("cloud", "edge", "route")]
    yield bar(
        f"throughput with {four} edges over the best of {', '.join(rivals)}",
        0.95,
        lambda s: _throughput(of, "auto", four, s) / _rival(of, rivals, s),
    )


def _rival(of: Headline, rivals: Sequence[str], seed: int) -> float:
    return max(_throughput(of, name, 0 if name == "cloud" else of.scope.compared, seed) for name in rivals)


def _throughput(of: Headline, policy: str, edges: int, seed: int) -> float:
    return _known(of.throughput(policy, edges, seed))


def _known(value: float | None) -> float:
    if value is None:
        raise KeyError("not measured")
    return value


def _best(of: Headline, policy: str, edges: int, seed: int) -> Trial:
    hunt = of.hunts[policy, edges, seed]
    if hunt.per_minute is None or hunt.best is None:
        raise KeyError(policy)
    return hunt.best


def _try(figure: Callable[[int], float], seed: int) -> float | None:
    """None where something that the figure is made of was not measured, or is nothing to divide by."""
    try:
        return figure(seed)
    except (KeyError, ZeroDivisionError):
        return None
