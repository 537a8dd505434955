"""Trials in a few processes at once: each has a virtual clock of its own, so they do not disturb one another."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace

from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import Policy
from picegate.testbed.bench.search import Found, Search, Seen
from picegate.testbed.bench.trial import Trial, run_trial
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.site import Site

WORKERS = 2  # the headline is promised for two cores
GARBAGE = 50_000  # objects made between two looks for it

Told = Callable[[Trial], None]


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


class Crew:
    """Attribute `trials`: every trial made so far, also where the work was broken off."""

    def __init__(self, pool: ProcessPoolExecutor, told: Told) -> None:
        self.trials: list[Trial] = []
        self._pool = pool
        self._told = told
        self._under_way: dict[Future[Trial], Told] = {}

    def later(self, point: Point, then: Told) -> None:
        """Make the trial, and call `then` with it, which may ask for further ones."""
        future = self._pool.submit(run_trial, point.policy, point.site, point.workload, point.load)
        self._under_way[future] = then

    def hunt(self, hunt: Hunt) -> None:
        """The next trial of a search, and all that follow."""

        def then(trial: Trial) -> None:
            hunt.tell(trial)
            self.hunt(hunt)

        if (point := hunt.next()) is not None:
            self.later(point, then)

    def finish(self) -> None:
        """Return once nothing is left to be done."""
        while self._under_way:
            done, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
            for future in done:
                then = self._under_way.pop(future)
                trial = future.result()
                self.trials.append(trial)
                self._told(trial)
                then(trial)


@contextmanager
def crew(told: Told, workers: int | None = None) -> Iterator[Crew]:
    """Leaving it by an exception, such as Ctrl-C, ends the processes at once."""
    workers = workers or min(WORKERS, os.cpu_count() or 1)
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare)
    try:
        yield Crew(pool, told)
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that leads; it ends us
    gc.set_threshold(GARBAGE)  # looking as often as usual takes 7 % of a trial
