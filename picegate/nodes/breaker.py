"""A circuit breaker: it takes out what keeps failing, and lets one try through now and then."""

from dataclasses import dataclass
from enum import StrEnum


class Circuit(StrEnum):
    CLOSED = "closed"  # in use
    OPEN = "open"  # out
    HALF_OPEN = "half_open"  # one try may show whether it is back


@dataclass(slots=True)
class Breaker:
    """Opens after `failures_to_open` failures in a row, for `open_s` seconds; then one failure more opens it again."""

    failures_to_open: int
    open_s: float
    _failures: int = 0
    _open_until: float | None = None

    def state(self, now: float) -> Circuit:
        if self._open_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._open_until else Circuit.HALF_OPEN

    def record(self, ok: bool, now: float) -> None:
        if ok:
            self._failures, self._open_until = 0, None
            return
        self._failures += 1
        if self._failures >= self.failures_to_open:
            self._open_until = now + self.open_s

    def opens_again_s(self, now: float) -> float | None:
        """Seconds until a try is let through; None unless open."""
        return self._open_until - now if self._open_until is not None and now < self._open_until else None
