"""One model of the roster: its desk, and what the roster knows of it."""

from dataclasses import dataclass, field
from typing import Literal

import anyio

from edge_agent.desk import Desk
from edge_agent.errors import AgentError
from edge_agent.protocol import ModelCard, ModelStatus

ModelState = Literal["loaded", "loading", "unloaded"]  # llama-server's words for its router's models


@dataclass(slots=True, eq=False)
class Loading:
    """A load that is under way. `error`: how it ended, once it is `over`; None: well."""

    over: anyio.Event = field(default_factory=anyio.Event)
    error: AgentError | None = None


@dataclass(slots=True, eq=False)
class Served:
    """Changed only by the roster.

    Attributes:
        need: memory that it takes once loaded, bytes, estimated.
        loaded: its engine may be asked.
        users: requests for it that have not ended; `waiting` of them wait until it is loaded.
        used_s: when the last of them came or went, the roster's clock, seconds.
    """

    desk: Desk
    need: int = 0
    loaded: bool = False
    loading: Loading | None = None
    users: int = 0
    waiting: int = 0
    used_s: float = 0.0

    @property
    def name(self) -> str:
        return self.desk.engine.info.name

    @property
    def state(self) -> ModelState:
        if self.loaded:
            return "loaded"
        return "unloaded" if self.loading is None else "loading"

    @property
    def busy(self) -> bool:
        load = self.desk.load()
        return bool(self.users or load.slots_busy or load.queued)

    def card(self) -> ModelCard:
        info = self.desk.engine.info
        return ModelCard(name=info.name, context_tokens=info.context_tokens, slots=info.slots)

    def status(self) -> ModelStatus:
        return ModelStatus(**self.card().model_dump(), status=self.state, load=self.desk.load())
