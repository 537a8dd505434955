"""The models of one agent. The main one is always hot; further ones are loaded and unloaded as memory allows.

`mover.py` does that; requests for a loaded model never wait for it.
"""

import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
from anyio.abc import TaskGroup

from edge_agent.desk.desk import RETRY_AFTER_DRAIN_S, Desk
from edge_agent.engine.port import Job, Piece
from edge_agent.errors import AgentError, Draining, ModelNotFound, Overloaded, TooLate
from edge_agent.protocol import Load
from edge_agent.roster.mover import Mover, free_room, unloadable
from edge_agent.roster.served import Loading, Served

log = logging.getLogger("edge_agent")

WATCH_S = 3.0  # between two looks at the memory
RETRY_AFTER_LOAD_S = 3.0  # what a load takes, more or less


class Roster:
    """`main` and `further` are to be loaded by this alone, while `running` runs.

    `room` is called on a worker thread. `clock` gives seconds, monotonic.
    """

    def __init__(
        self,
        main: Served,
        further: Sequence[Served] = (),
        *,
        room: Callable[[], int | None] = free_room,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.main = main
        self.models = (main, *further)
        self._further = tuple(further)
        self._clock = clock
        self._mover = Mover(self.models, room, clock)
        self._moving = 0
        self._loads: TaskGroup
        self._change = anyio.Event()

    @asynccontextmanager
    async def running(self, *, care: bool = True) -> AsyncIterator[None]:
        """The main model is loaded, the further ones can be. With `care` those that fit are loaded now, and memory is
        watched. Afterwards none is loaded.

        Raises:
            ModelUnusable: the main model cannot be loaded.
        """
        await self.main.desk.engine.load()
        self.main.loaded = True
        try:
            async with anyio.create_task_group() as self._loads:
                if self._further and care:
                    self._loads.start_soon(self._care)
                yield
                self._loads.cancel_scope.cancel()
        finally:
            await self._mover.close(self.models)

    def find(self, name: str | None) -> Served:
        """The model that clients call so; None means the main one.

        Raises:
            ModelNotFound: names those that are served.
        """
        for model in self.models:
            if name is None or model.name == name:
                return model
        served = ", ".join(repr(model.name) for model in self.models)
        raise ModelNotFound(f"The model {name!r} does not exist here; this agent serves {served}.", param="model")

    @asynccontextmanager
    async def work(self, model: Served, job: Job, within_s: float = math.inf) -> AsyncIterator[AsyncIterator[Piece]]:
        """As `Desk.work` at the desk of `model`, once that is `hot`: the time that takes is taken off `within_s`.

        Raises:
            As `hot` and `Desk.work`.
        """
        arrived = self._clock()
        async with (
            self.hot(model, within_s) as desk,
            desk.work(job, within_s - (self._clock() - arrived)) as pieces,
        ):
            yield pieces

    @asynccontextmanager
    async def hot(self, model: Served, within_s: float = math.inf) -> AsyncIterator[Desk]:
        """The desk of `model`, which stays loaded until this is left; it is loaded first where it is not.

        Raises:
            ModelDoesNotFit: there is no memory for it now. Draining: it would have to be loaded, and no new work is
            taken. Overloaded: as many wait for that as the desk could take. EngineFailed: it cannot be loaded.
            TooLate: it is not loaded after `within_s` seconds.
        """
        self.main.desk.end_spare_time()
        model.users += 1
        try:
            if not model.loaded:
                await self._wait(model, within_s)
            yield model.desk
        finally:
            model.users -= 1
            model.used_s = self._clock()
            self._has_moved()

    def load(self) -> Load:
        """Of all models together: they share the processor. The speeds are the main model's."""
        loads = [model.desk.load() for model in self.models]
        waiting = sum(model.waiting for model in self.models)
        sums = {"slots_busy": sum(x.slots_busy for x in loads), "queued": waiting + sum(x.queued for x in loads)}
        return loads[0].model_copy(update=sums)

    @property
    def draining(self) -> bool:
        return self.main.desk.draining

    def drain(self) -> None:
        """From now on no model takes new work, and none is loaded."""
        for model in self.models:
            model.desk.drain()

    async def idle(self) -> None:
        """Return when no model has work, and none is being loaded."""
        while self._moving or any(model.users for model in self.models):
            await self._change.wait()
        for model in self.models:
            await model.desk.idle()

    @contextmanager
    def spare_time(self) -> Iterator[None]:
        """As `Desk.spare_time` of the main model; whoever comes for another one ends it, too, and so does a load."""
        with self.main.desk.spare_time():
            if self._moving or any(model.busy for model in self.models):
                self.main.desk.end_spare_time()
            yield

    async def load_what_fits(self) -> None:
        """Load further models while nobody has to go for them."""
        with self._move():
            for model in self._further:
                try:
                    if await self._mover.fits_beside(model):
                        await self._load(model)
                    else:
                        log.warning("%s is not loaded until it is asked for: others would have to go", model.name)
                except AgentError as error:  # told to whoever asks for it, too; the others are served
                    log.warning("%s is not loaded: %s", model.name, error.message)

    async def relieve(self) -> None:
        """Unload idle further models if memory is short."""
        await self._mover.relieve()

    async def _wait(self, model: Served, within_s: float) -> None:
        """Until it is loaded."""
        if model.waiting >= model.desk.capacity:
            message = f"Too many wait for {model.name!r} to be loaded."
            raise Overloaded(message, retry_after_s=RETRY_AFTER_LOAD_S)
        model.waiting += 1
        try:
            with anyio.move_on_after(within_s) as patience:
                await self._load(model)
        finally:
            model.waiting -= 1
        if patience.cancelled_caught:
            message = f"The answer was to begin within {within_s:g} s, but {model.name!r} is still being loaded."
            raise TooLate(message, retry_after_s=RETRY_AFTER_LOAD_S)

    @contextmanager
    def _move(self) -> Iterator[None]:
        """In here models are loaded, which takes the processor from whoever measures."""
        self._moving += 1
        self.main.desk.end_spare_time()
        try:
            yield
        finally:
            self._moving -= 1
            self._has_moved()

    def _has_moved(self) -> None:
        self._change.set()
        self._change = anyio.Event()

    async def _care(self) -> None:
        await self.load_what_fits()
        while True:
            await anyio.sleep(WATCH_S)
            await self.relieve()

    async def _load(self, model: Served) -> None:
        """Once for all who ask meanwhile. Whoever asks may go: a load that has begun is brought to its end."""
        if model.loaded:
            return
        if model.desk.draining:
            raise Draining("This agent is shutting down.", retry_after_s=RETRY_AFTER_DRAIN_S)
        loading = model.loading
        if loading is None:
            loading = model.loading = Loading()
            self._loads.start_soon(self._carry_out, model, loading)
        await loading.over.wait()
        if not model.loaded:
            raise loading.error or unloadable(model)

    async def _carry_out(self, model: Served, loading: Loading) -> None:
        with self._move():
            try:
                await self._mover.bring_in(model)
            except AgentError as error:
                loading.error = error
            except Exception:
                log.exception("%s could not be loaded", model.name)
            finally:
                model.loading = None
                loading.over.set()
