"""Whether the cloud seems to be there, judged by the calls that went to it."""

import time
from collections.abc import Callable

_MISSES = 3  # calls in a row that could not reach it
_DOWN_S = 5.0


class Pulse:
    """Down for `down_s` seconds after `misses` calls in a row failed to reach the cloud.

    Then it counts as up, so that the next call tries it: where that fails too, it is down again at once.
    """

    def __init__(
        self, *, misses: int = _MISSES, down_s: float = _DOWN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = misses
        self._down_s = down_s
        self._clock = clock
        self._missed = 0
        self._down_until = 0.0

    @property
    def up(self) -> bool:
        return self._clock() >= self._down_until

    def beat(self) -> None:
        self._missed = 0
        self._down_until = 0.0

    def missed(self) -> None:
        self._missed += 1
        if self._missed >= self._limit:
            self._down_until = self._clock() + self._down_s
