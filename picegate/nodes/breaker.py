"""A circuit breaker: it takes out what keeps failing, and lets one try through now and then."""

from dataclasses import dataclass
from enum import StrEnum


class Circuit(StrEnum):
    CLOSED = "closed"  # in use
    OPEN = "open"  # out
    HALF_OPEN = "half_open"  # one try may show whether it is back


MOST_OPEN = 8.0  # times `open_s`: a try costs an answer its time, and a node that is back should be found out


@dataclass(slots=True)
class Breaker:
    """Opens after `failures_to_open` failures in a row, for `open_s` seconds; then one failure more opens it again.

    For twice as long each time, up to `MOST_OPEN` times `open_s`.
    """

    failures_to_open: int
    open_s: float
    _failures: int = 0
    _open_until: float | None = None
    _times: float = 1.0

    def state(self, now: float) -> Circuit:
        if self._open_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._open_until else Circuit.HALF_OPEN

    def record(self, ok: bool, now: float) -> None:
        if ok:
            self._failures, self._open_until, self._times = 0, None, 1.0
            return
        self._failures += 1
        if self.state(now) is Circuit.HALF_OPEN:
            self._times = min(2.0 * self._times, MOST_OPEN)
        if self._failures >= self.failures_to_open:
            self._open_until = now + self._times * self.open_s

    def opens_again_s(self, now: float) -> float | None:
        """Seconds until a try is let through; None unless open."""
        return self._open_until - now if self._open_until is not None and now < self._open_until else None
