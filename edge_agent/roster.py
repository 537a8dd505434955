"""The models of one agent. The main one is always hot; further ones are loaded and unloaded as memory allows.

`models/residents.py` decides, this carries it out. Loads and unloads happen one at a time, so that each of them sees
what the one before has left; requests for a loaded model never wait for that.
"""

import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from edge_agent.desk import RETRY_AFTER_DRAIN_S, Desk
from edge_agent.engine.need import shown
from edge_agent.engine.port import Job, Piece
from edge_agent.errors import (
    AgentError,
    Draining,
    EngineFailed,
    ModelDoesNotFit,
    ModelNotFound,
    ModelUnusable,
    Overloaded,
    TooLate,
)
from edge_agent.health.probes import memory
from edge_agent.models.residents import RESERVE_BYTES, Admission, Resident, admit, most, relieve
from edge_agent.protocol import Load
from edge_agent.served import Loading, Served

log = logging.getLogger("edge_agent")

WATCH_S = 3.0  # between two looks at the memory
RETRY_AFTER_NO_ROOM_S = 10.0  # memory comes back when other models' answers end, or other programs do
RETRY_AFTER_LOAD_S = 3.0  # what a load takes, more or less


def free_room() -> int | None:
    """Bytes that further models may still take, the reserve left alone; None: the machine does not say. Blocks."""
    found = memory()
    return None if found is None else found.spare - RESERVE_BYTES


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
        self._room = room
        self._clock = clock
        self._moves = anyio.Lock()
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
            await self._close(self.models)

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
                    async with self._moves:
                        if model.loaded:  # somebody has asked for it
                            continue
                        others_stay = not (await self._admit(model)).unload
                    if others_stay:
                        await self._load(model)
                    else:
                        log.warning("%s is not loaded until it is asked for: others would have to go", model.name)
                except AgentError as error:  # told to whoever asks for it, too; the others are served
                    log.warning("%s is not loaded: %s", model.name, error.message)

    async def relieve(self) -> None:
        """Unload idle further models if memory is short."""
        async with self._moves:
            short = relieve(await anyio.to_thread.run_sync(self._room), self._residents())
            await self._unload(short, "memory is short")

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

    def _residents(self) -> list[Resident]:
        return [Resident(m.name, m.bytes, m.used_s, busy=m.busy, main=m is self.main) for m in self.models if m.loaded]

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
            raise loading.error or _unloadable(model)

    async def _carry_out(self, model: Served, loading: Loading) -> None:
        with self._move():
            try:
                async with self._moves:
                    with anyio.CancelScope(shield=True):
                        await self._bring_in(model)
            except AgentError as error:
                loading.error = error
            except Exception:
                log.exception("%s could not be loaded", model.name)
            finally:
                model.loading = None
                loading.over.set()

    async def _bring_in(self, model: Served) -> None:
        while (verdict := await self._admit(model)).unload:  # what unloading gives back is an estimate, so look again
            await self._unload(verdict.unload, f"{model.name} needs its memory")
        began = self._clock()
        try:
            await model.desk.engine.load()
        except ModelUnusable as error:
            log.error("%s", error.message)
            raise _unloadable(model) from error
        model.used_s = self._clock()
        model.loaded = True
        log.info("loaded %s (%s) in %.1f s", model.name, shown(model.bytes), model.used_s - began)

    async def _admit(self, model: Served) -> Admission:
        """Set it up for what could be had now, all idle models gone, and say who has to go for what it then needs.

        Only while it is not loaded, and nothing else moves.

        Raises:
            ModelDoesNotFit: nobody's going would help.
        """
        room = await anyio.to_thread.run_sync(self._room)
        could = most(room, self._residents())
        try:
            model.bytes = await anyio.to_thread.run_sync(model.suit, could)
        except ModelUnusable as error:
            message = f"The model {model.name!r} does not fit into memory now: {error.message}."
            raise ModelDoesNotFit(message, retry_after_s=RETRY_AFTER_NO_ROOM_S) from error
        verdict = admit(model.bytes, room, self._residents())
        if not verdict.fits:
            need, could_be = shown(model.bytes), shown(could or 0)
            message = f"The model {model.name!r} needs {need} of memory, and {could_be} can be had now."
            raise ModelDoesNotFit(message, retry_after_s=RETRY_AFTER_NO_ROOM_S)
        return verdict

    async def _unload(self, names: Sequence[str], reason: str) -> None:
        going = [model for model in self.models if model.name in names]
        await self._close(going)
        for model in going:
            log.warning("unloaded %s (%s): %s", model.name, shown(model.bytes), reason)

    async def _close(self, models: Sequence[Served]) -> None:
        for model in models:  # before anything is awaited: whoever asks for it from now on has it loaded again
            model.loaded = False
        with anyio.CancelScope(shield=True):
            for model in models:
                try:
                    await model.desk.engine.close()
                except Exception:
                    log.exception("%s did not end well", model.name)


def _unloadable(model: Served) -> EngineFailed:
    return EngineFailed(f"The model {model.name!r} cannot be loaded; the agent's log says why.")
