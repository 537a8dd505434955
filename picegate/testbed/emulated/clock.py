"""A clock that stands still while anything computes and jumps to the next timer when nothing does.

Everything on one loop, over real sockets of the loopback, then runs as fast as the machine can, and a busy machine
changes no figure: emulated time is what the timers say. What it leaves out is the processor time of the gateway itself,
which is measured apart. The process's `time.monotonic` must tell the same time, so this is for a process of its own.
"""

import asyncio
import os
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TICK_S = 1e-9  # between two looks at the clock: who waits in a loop for less than it can tell must see it move on
LOOKS = 3  # at the sockets before the clock jumps; the loopback delivers while the sender still sends


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 1_000.0  # any moment but 0, which many take for "never"
        super().__init__(_Jumping(self))

    def time(self) -> float:
        self.now += TICK_S
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        for _ in range(LOOKS):
            if ready := super().select(0):
                return ready
            os.sched_yield()
        self._loop.now += timeout
        return []


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a virtual clock that `time.monotonic` follows too, in the whole process."""
    loop = VirtualLoop()
    real = time.monotonic
    time.monotonic = loop.time
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(work)
    finally:
        time.monotonic = real
