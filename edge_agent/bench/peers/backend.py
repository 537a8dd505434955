"""What a side is asked for inside its process."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_agent.bench.ask import Answer, Ask, Work
from edge_agent.models.download import DEFAULT_CACHE


@dataclass(frozen=True, slots=True)
class Setup:
    """The same for all sides. `context_tokens`: of one sequence; `slots`: sequences at once; `cache`: of the agent."""

    model: Path
    threads: int
    context_tokens: int
    slots: int
    cache: Path = DEFAULT_CACHE


class Backend(Protocol):
    async def open(self) -> str:
        """Load; says what it is: library, version, processor features."""
        ...

    async def close(self) -> None: ...

    async def prepare(self, asks: Sequence[Ask]) -> None:
        """Before the clock starts: whatever is none of the engine's work."""
        ...

    async def prime(self, asks: Sequence[Ask]) -> None:
        """With the clock running: put the shared prefix into a slot per ask. Only some sides can."""
        ...

    async def answer(self, ask: Ask, arrived: float, slot: int | None) -> Answer:
        """`arrived` on the clock of `time.perf_counter`; `slot` where it was primed; `end_s` is left 0."""
        ...

    def work(self) -> Work | None: ...

    def resident(self) -> int: ...


class Plain:
    """What most backends have in common: nothing to prepare or to tell, no priming, and they live in this process."""

    async def prepare(self, asks: Sequence[Ask]) -> None:
        pass

    async def prime(self, asks: Sequence[Ask]) -> None:
        raise NotImplementedError("this side cannot be primed")

    async def answer(self, ask: Ask, arrived: float, slot: int | None) -> Answer:
        raise NotImplementedError("this side writes nothing for the benchmark's schedules")

    def work(self) -> Work | None:
        return None

    def resident(self) -> int:
        return resident_bytes("self")


def resident_bytes(process: int | str) -> int:
    """Of a process as Linux tells it; 0 where there is no such tale."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def chat(ask: Ask) -> list[dict[str, Any]]:
    return [dict(message) for message in ask.messages]
