"""One model of the roster: its desk, and what the roster knows of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import anyio

from edge_agent.desk.desk import Desk
from edge_agent.errors import AgentError
from edge_agent.protocol import ModelCard, ModelStatus

# Sets up an engine that is not loaded for the bytes that can be had (None: the machine does not say), and tells how
# many of them it then takes, estimated. Blocks. Raises ModelUnusable where it cannot be had for that.
Suit = Callable[[int | None], int]

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
        suit: of its engine; the main model's is never asked, it is loaded as it was set up at the start.
        bytes: memory that it takes while it is loaded, as `suit` told.
        loaded: its engine may be asked.
        users: requests for it that have not ended; `waiting` of them wait until it is loaded.
        used_s: when the last of them came or went, the roster's clock, seconds.
    """

    desk: Desk
    suit: Suit = lambda _: 0
    bytes: int = 0
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
