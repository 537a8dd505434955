"""A box whose memory is a number: engines are fakes that take and give back their share."""

from collections.abc import Awaitable, Callable

import anyio

from edge_agent.desk.desk import Desk
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job
from edge_agent.roster.roster import Roster
from edge_agent.roster.served import Served

HELLO = ({"role": "user", "content": "Hello"},)


class Box:
    """A machine with `room` units of memory left, and a clock that steps with every look at it."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.now = 0.0

    def clock(self) -> float:
        self.now += 1
        return self.now


class Sized(FakeEngine):
    """Takes `size` of the box once loaded.

    Attributes:
        loads: how often it was loaded, or was tried to be.
        gate: set it to an event and loading waits for that.
        load_s: how far the clock goes while it is loaded.
        fault: raised by loading.
        closed: is set once it has given its memory back.
    """

    def __init__(self, name: str, size: int, box: Box) -> None:
        super().__init__(name=name, slots=2)
        self.size, self.box = size, box
        self.loads = 0
        self.loaded = False
        self.gate: anyio.Event | None = None
        self.load_s = 0.0
        self.fault: Exception | None = None
        self.closed = anyio.Event()

    def suit(self, _: int | None) -> int:
        assert not self.loaded
        return self.size

    async def load(self) -> None:
        self.loads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.box.now += self.load_s
        self.loaded = True
        self.box.room -= self.size

    async def close(self) -> None:
        if self.loaded:
            self.loaded = False
            self.box.room += self.size
            self.closed.set()


class House:
    """A main model of 8 units and further ones of the given sizes, on a box with so much `room` beside the main one."""

    def __init__(self, room: int, **sizes: int) -> None:
        self.box = Box(room + 8)
        self.engines = {name: Sized(name, size, self.box) for name, size in {"main": 8, **sizes}.items()}
        main, *further = (Served(Desk(e, max_queued=4), e.suit) for e in self.engines.values())
        self.roster = Roster(main, further, room=lambda: self.box.room, clock=self.box.clock)

    def __getitem__(self, name: str) -> Sized:
        return self.engines[name]

    def loaded(self) -> list[str]:
        assert self.box.room >= 0
        assert [m.name for m in self.roster.models if m.loaded] == [n for n, e in self.engines.items() if e.loaded]
        return [name for name, engine in self.engines.items() if engine.loaded]

    async def ask(self, name: str) -> None:
        async with self.roster.work(self.roster.find(name), Job(HELLO, max_tokens=1)) as pieces:
            assert self[name].loaded
            async for _ in pieces:
                pass


Open = Callable[..., Awaitable[House]]
