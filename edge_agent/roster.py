"""The models of one agent. The main one is always hot; further ones are loaded and unloaded as memory allows.

`models/fit.py` decides, this carries it out. Loads and unloads happen one at a time, so that each of them sees what the
one before has left; requests for a loaded model never wait for that.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from edge_agent.desk import RETRY_AFTER_DRAIN_S, Desk
from edge_agent.errors import AgentError, Draining, EngineFailed, ModelDoesNotFit, ModelNotFound, ModelUnusable
from edge_agent.models.fit import Resident, fit, relieve
from edge_agent.protocol import Load
from edge_agent.served import Loading, Served

log = logging.getLogger("edge_agent")

WATCH_S = 3.0  # between two looks at the memory
RETRY_AFTER_NO_ROOM_S = 10.0  # memory comes back when other models' answers end, or other programs do


class Roster:
    """`main` and `further` are to be loaded by this alone, while `running` runs.

    `room` says how many bytes may still be taken (see `models/room.py`); it is called on a worker thread. `clock` gives
    seconds, monotonic.
    """

    def __init__(
        self,
        main: Served,
        further: Sequence[Served] = (),
        *,
        room: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.main = main
        self.models = (main, *further)
        self._further = tuple(further)
        self._room = room
        self._clock = clock
        self._moves = anyio.Lock()
        self._left = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The main model is loaded; the further ones are looked after meanwhile. Afterwards none is.

        Raises:
            ModelUnusable: the main model cannot be loaded.
        """
        await self.main.desk.engine.load()
        self.main.loaded = True
        try:
            async with anyio.create_task_group() as care:
                if self._further:
                    care.start_soon(self._care)
                yield
                care.cancel_scope.cancel()
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
    async def hot(self, model: Served) -> AsyncIterator[Desk]:
        """The desk of `model`, which stays loaded until this is left; it is loaded first where it is not.

        Raises:
            ModelDoesNotFit: there is no memory for it now. Draining: it would have to be loaded, and no new work is
            taken. EngineFailed: it cannot be loaded.
        """
        model.users += 1
        try:
            if not model.loaded:
                model.waiting += 1
                try:
                    await self._load(model)
                finally:
                    model.waiting -= 1
            yield model.desk
        finally:
            model.users -= 1
            model.used_s = self._clock()
            self._left.set()
            self._left = anyio.Event()

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
        """Return when no model has work."""
        while any(model.users for model in self.models):
            await self._left.wait()
        for model in self.models:
            await model.desk.idle()

    async def load_what_fits(self) -> None:
        """Load further models while nobody has to go for them."""
        for model in self._further:
            verdict = fit(model.need, await anyio.to_thread.run_sync(self._room), self._residents())
            if not verdict.fits or verdict.unload:
                log.warning("%s is not loaded until it is asked for: it needs %s", model.name, _size(model.need))
                continue
            try:
                await self._load(model)
            except AgentError as error:  # told to whoever asks for it, too; the others are served
                log.warning("%s is not loaded: %s", model.name, error.message)

    async def relieve(self) -> None:
        """Unload idle further models if memory is short."""
        async with self._moves:
            short = relieve(await anyio.to_thread.run_sync(self._room), self._residents())
            await self._unload(short, "memory is short")

    async def _care(self) -> None:
        await self.load_what_fits()
        while True:
            await anyio.sleep(WATCH_S)
            await self.relieve()

    def _residents(self) -> list[Resident]:
        return [Resident(m.name, m.need, m.used_s, busy=m.busy, main=m is self.main) for m in self.models if m.loaded]

    async def _load(self, model: Served) -> None:
        """Once for all who ask meanwhile. Whoever asked first may go: a load that has begun is brought to its end."""
        if model.desk.draining:
            raise Draining("This agent is shutting down.", retry_after_s=RETRY_AFTER_DRAIN_S)
        loading = model.loading
        if loading is not None:
            await loading.over.wait()
        else:
            loading = model.loading = Loading()
            with anyio.CancelScope(shield=True):
                try:
                    async with self._moves:
                        await self._bring_in(model)
                except AgentError as error:
                    loading.error = error
                finally:
                    model.loading = None
                    loading.over.set()
        if not model.loaded:
            raise loading.error or _unloadable(model)

    async def _bring_in(self, model: Served) -> None:
        while True:  # what unloading gives back is an estimate, so look again
            verdict = fit(model.need, await anyio.to_thread.run_sync(self._room), self._residents())
            if not verdict.unload:
                break
            await self._unload(verdict.unload, f"{model.name} needs its memory")
        if not verdict.fits:
            need, room = _size(model.need), _size(max(0, verdict.room or 0))
            message = f"The model {model.name!r} needs {need} of memory, and {room} can be had now."
            raise ModelDoesNotFit(message, retry_after_s=RETRY_AFTER_NO_ROOM_S)
        began = self._clock()
        try:
            await model.desk.engine.load()
        except ModelUnusable as error:
            log.error("%s", error.message)
            raise _unloadable(model) from error
        except Exception as error:
            log.exception("%s could not be loaded", model.name)
            raise _unloadable(model) from error
        model.used_s = self._clock()
        model.loaded = True
        log.info("loaded %s (%s) in %.1f s", model.name, _size(model.need), model.used_s - began)

    async def _unload(self, names: Sequence[str], reason: str) -> None:
        going = [model for model in self.models if model.name in names]
        await self._close(going)
        for model in going:
            log.warning("unloaded %s (%s): %s", model.name, _size(model.need), reason)

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


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
