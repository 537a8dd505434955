"""A further model's engine: set up anew for the memory that can be had, each time before it is loaded."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.box.box import Box, Memory
from edge_agent.engine.build import Build
from edge_agent.engine.fit import Fit, fit
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Engine, Job, ModelInfo, Piece, Stats, Warmth, WireMessage
from edge_agent.engine.wishes import Wishes
from edge_agent.models.further import FurtherModel
from edge_agent.models.shape import ModelShape

log = logging.getLogger("edge_agent")


@dataclass(frozen=True, slots=True)
class Setup:
    """Attributes as `fit` and its options want them. `look` asks the library anew: a GPU's room comes and goes."""

    model: FurtherModel
    shape: ModelShape
    wishes: Wishes
    box: Box
    look: Callable[[], Build]
    cache: Path
    verbose: bool = False

    def fit(self, room: int | None) -> Fit:
        """For a box that has so many bytes of main memory to give; None: it does not say.

        Raises:
            ModelUnusable: the model cannot be had for that.
        """
        memory = None if room is None else Memory(total=room, available=room)
        return fit(self.wishes, self.shape, replace(self.box, memory=memory), self.look())


class SuitedEngine:
    """The engine that `build` makes of options, which `suit` chooses."""

    def __init__(self, setup: Setup, build: Callable[[EngineOptions], Engine]) -> None:
        self._setup = setup
        self._build = build
        self._chosen: Fit | None = None
        model, wishes = setup.model, setup.wishes
        self._engine = build(
            EngineOptions(model.file, model.name, context_tokens=wishes.context_tokens, slots=wishes.slots)
        )

    def suit(self, room: int | None) -> int:
        """Be set up for `room` as in `Setup.fit`; the bytes of main memory that it then takes. Only while not loaded.

        Blocks.

        Raises:
            ModelUnusable: the model cannot be had for that.
        """
        setup = self._setup
        self._chosen = setup.fit(room)
        options = self._chosen.options(
            setup.model.file, setup.model.name, setup.wishes, cache=setup.cache, verbose=setup.verbose
        )
        self._engine = self._build(options)
        return self._chosen.host

    @property
    def info(self) -> ModelInfo:
        return self._engine.info

    def stats(self) -> Stats | None:
        return self._engine.stats()

    async def load(self) -> None:
        if self._chosen is not None:
            log.info("%s: %s", self.info.name, self._chosen.line())
        await self._engine.load()

    async def close(self) -> None:
        await self._engine.close()

    def generate(self, job: Job) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        return self._engine.generate(job)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        return await self._engine.warm(messages)
