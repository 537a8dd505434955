"""Brings further models into memory and out of it: `models/residents.py` decides, this carries it out."""

import logging
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread

from edge_agent.box.probes import memory
from edge_agent.engine.need import shown
from edge_agent.errors import EngineFailed, ModelDoesNotFit, ModelUnusable
from edge_agent.models.residents import RESERVE_BYTES, Admission, Resident, admit, most, relieve
from edge_agent.roster.served import Served

log = logging.getLogger("edge_agent")

RETRY_AFTER_NO_ROOM_S = 10.0  # memory comes back when other models' answers end, or other programs do


def free_room() -> int | None:
    """Bytes that further models may still take, the reserve left alone; None: the machine does not say. Blocks."""
    found = memory()
    return None if found is None else found.spare - RESERVE_BYTES


class Mover:
    """One move at a time, so that each of them sees what the one before has left.

    The first of `models` is the main one, which stays where it is. `room` is called on a worker thread. `clock` gives
    seconds, monotonic.
    """

    def __init__(self, models: Sequence[Served], room: Callable[[], int | None], clock: Callable[[], float]) -> None:
        self._models = models
        self._room = room
        self._clock = clock
        self._moves = anyio.Lock()

    async def fits_beside(self, model: Served) -> bool:
        """It is loaded, or could be without that another one has to go.

        Raises:
            ModelDoesNotFit: nobody's going would help.
        """
        async with self._moves:
            return model.loaded or not (await self._admit(model)).unload

    async def bring_in(self, model: Served) -> None:
        """Load it, once there is room for it. A move that has begun is brought to its end.

        Raises:
            ModelDoesNotFit: there is no memory for it now. EngineFailed: it cannot be loaded.
        """
        async with self._moves:
            with anyio.CancelScope(shield=True):
                await self._bring_in(model)

    async def relieve(self) -> None:
        """Unload idle further models if memory is short."""
        async with self._moves:
            short = relieve(await anyio.to_thread.run_sync(self._room), self._residents())
            await self._unload(short, "memory is short")

    async def close(self, models: Sequence[Served]) -> None:
        """Whatever happens meanwhile; what goes wrong is logged."""
        for model in models:  # before anything is awaited: whoever asks for it from now on has it loaded again
            model.loaded = False
        with anyio.CancelScope(shield=True):
            for model in models:
                try:
                    await model.desk.engine.close()
                except Exception:
                    log.exception("%s did not end well", model.name)

    async def _bring_in(self, model: Served) -> None:
        while (verdict := await self._admit(model)).unload:  # what unloading gives back is an estimate, so look again
            await self._unload(verdict.unload, f"{model.name} needs its memory")
        began = self._clock()
        try:
            await model.desk.engine.load()
        except ModelUnusable as error:
            log.error("%s", error.message)
            raise unloadable(model) from error
        model.used_s = self._clock()
        model.loaded = True
        log.info("loaded %s (%s) in %.1f s", model.name, shown(model.bytes), model.used_s - began)

    async def _admit(self, model: Served) -> Admission:
        """Set it up for what could be had now, all idle models gone, and say who has to go for what it then needs.

        Only while it is not loaded.

        Raises:
            ModelDoesNotFit: nobody's going would help. EngineFailed: it cannot be set up.
        """
        room = await anyio.to_thread.run_sync(self._room)
        could = most(room, self._residents())
        try:
            model.bytes = await anyio.to_thread.run_sync(model.suit, could)
        except ModelUnusable as error:
            message = f"The model {model.name!r} does not fit into memory now: {error.message}."
            raise ModelDoesNotFit(message, retry_after_s=RETRY_AFTER_NO_ROOM_S) from error
        except Exception as error:  # its file is gone, the library fails
            log.exception("%s cannot be set up", model.name)
            raise unloadable(model) from error
        verdict = admit(model.bytes, room, self._residents())
        if not verdict.fits:
            need, could_be = shown(model.bytes), shown(could or 0)
            message = f"The model {model.name!r} needs {need} of memory, and {could_be} can be had now."
            raise ModelDoesNotFit(message, retry_after_s=RETRY_AFTER_NO_ROOM_S)
        return verdict

    async def _unload(self, names: Sequence[str], reason: str) -> None:
        going = [model for model in self._models if model.name in names]
        await self.close(going)
        for model in going:
            log.warning("unloaded %s (%s): %s", model.name, shown(model.bytes), reason)

    def _residents(self) -> list[Resident]:
        main = self._models[0]
        return [Resident(m.name, m.bytes, m.used_s, busy=m.busy, main=m is main) for m in self._models if m.loaded]


def unloadable(model: Served) -> EngineFailed:
    return EngineFailed(f"The model {model.name!r} cannot be loaded; the agent's log says why.")
