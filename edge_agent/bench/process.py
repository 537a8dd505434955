"""A side in a process of its own: its memory and threads are its own, and an idle side takes no part."""

import asyncio
import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio.to_thread

from edge_agent.bench.ask import Ask, Run
from edge_agent.bench.peers.backend import Backend
from edge_agent.bench.play import play
from edge_agent.engine.choose import SPIN_COUNT

PATIENCE_S = 1200.0  # for one run
GOODBYE_S = 20.0

Make = Callable[[], Backend]  # called in the side's process; must travel there by pickle


class SideFailed(Exception):
    """A side cannot be set up, or broke. The message ends with where its log is."""


class Side:
    """Enter it to start it. `build` says what runs."""

    def __init__(self, name: str, make: Make, log: Path) -> None:
        self.name = name
        self.build = ""
        self._log = log
        context = multiprocessing.get_context("spawn")
        self._line, far = context.Pipe()
        self._process = context.Process(target=_live, args=(make, far, str(log)), daemon=True)

    def __enter__(self) -> "Side":
        self._process.start()
        self.build = self._hear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with suppress(OSError):
            self._line.send(None)
        self._process.join(GOODBYE_S)
        if self._process.is_alive():
            self._process.kill()

    def run(self, asks: Sequence[Ask], *, primed: bool = False) -> Run:
        seen = self.ask("play", list(asks), primed)
        if not isinstance(seen, Run):
            raise SideFailed(f"{self.name} answered with {seen!r}")
        return seen

    def ask(self, call: str, *args: Any) -> Any:
        """Call a method of the backend there (or `play`), and wait for what it gives."""
        self._line.send((call, args))
        return self._hear()

    def _hear(self) -> Any:
        try:
            if not self._line.poll(PATIENCE_S):
                raise SideFailed(f"{self.name} said nothing for {PATIENCE_S:g} s; see {self._log}")
            good, told = self._line.recv()
        except EOFError:
            raise SideFailed(f"{self.name} is gone; see {self._log}") from None
        if not good:
            raise SideFailed(f"{self.name}: {told}; see {self._log}")
        return told


def _live(make: Make, line: Connection, log: str) -> None:
    """The life of a side's process: whatever its libraries say goes to the log."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # what the engine gives itself, its peers get as well
    asyncio.run(_serve(make, line))


async def _serve(make: Make, line: Connection) -> None:
    backend: Backend | None = None
    try:
        backend = make()
        line.send((True, await backend.open()))
        while (wish := await anyio.to_thread.run_sync(line.recv)) is not None:
            call, args = wish
            told = play(backend, args[0], primed=args[1]) if call == "play" else getattr(backend, call)(*args)
            line.send((True, await told))
    except EOFError:
        pass  # the other end is gone, and nobody is left to tell
    except BaseException as error:
        traceback.print_exc()
        line.send((False, f"{type(error).__name__}: {error}"))
    finally:
        if backend is not None:
            await backend.close()
