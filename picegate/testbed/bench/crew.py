"""Trials in a few processes at once: each has a virtual clock of its own, so they do not disturb one another."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager

from picegate.testbed.bench.hunt import Hunt, Point
from picegate.testbed.bench.trial import Trial, run_trial

WORKERS = 2  # the headline is promised for two cores
GARBAGE = 50_000  # objects made between two looks for it

Told = Callable[[Trial], None]


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
                then(trial)
                self._told(trial)


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
