"""One direction of a network link, as arithmetic: when does what is sent now arrive."""

from random import Random

from picegate.testbed.emulated.profile import MS, LinkProfile

BITS = 8
MEGA = 1e6
APART_S = 1e-7  # timers that are due at one moment run in any order


class Link:
    """Bytes leave one after another at the link's bandwidth and travel half a round trip, never overtaking.

    Jitter is uniform between 0 and `jitter_ms`, each way.
    """

    def __init__(self, profile: LinkProfile, rng: Random) -> None:
        self._delay_s = profile.rtt_ms / 2 * MS
        self._jitter_s = profile.jitter_ms * MS
        self._bytes_per_s = profile.mbit_s * MEGA / BITS if profile.mbit_s is not None else None
        self._rng = rng
        self._sent = 0.0  # when the last byte handed over will have left
        self._latest = 0.0  # arrival of the last

    @property
    def delay_s(self) -> float:
        return self._delay_s

    def arrival(self, now: float, size: int) -> float:
        """When `size` bytes handed over at `now` are all there."""
        self._sent = max(now, self._sent)
        if self._bytes_per_s is not None:
            self._sent += size / self._bytes_per_s
        jitter = self._rng.random() * self._jitter_s if self._jitter_s else 0.0
        self._latest = max(self._latest + APART_S, self._sent + self._delay_s + jitter)
        return self._latest
