"""How many requests a key may make."""

from picegate.core.errors import RateLimited

SWEEP_AT = 1024  # buckets held before full ones are looked for and dropped


class RateLimiter:
    """A token bucket per key: a minute's worth of requests at once, then one every `60 / requests_per_minute` s.

    Each bucket is one number, the time at which it will be full again (the "virtual scheduling" form of the generic
    cell rate algorithm, ITU-T I.371). A full bucket is as good as none, so memory holds only keys of the last minute.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        """`requests_per_minute`: None sets no limit."""
        self._interval_s = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEEP_AT

    def take(self, key_id: str, now: float) -> None:
        """Count one request at `now` (monotonic seconds).

        Raises:
            RateLimited: the bucket is empty; refused requests are not counted.
        """
        if not self._interval_s:
            return
        full_at = max(self._full_at.get(key_id, now), now) + self._interval_s
        # A hair of tolerance: sums of fractions must not refuse the last request of the minute's worth.
        wait_s = full_at - 60.0 - now
        if wait_s > 1e-6:
            limit = round(60.0 / self._interval_s)
            raise RateLimited(f"Rate limit reached: {limit} requests per minute for this key.", retry_after_s=wait_s)
        self._full_at[key_id] = full_at
        if len(self._full_at) > self._sweep_at:
            self._full_at = {key: at for key, at in self._full_at.items() if at > now}
            # Doubled, so that the sweep costs little per request however many keys are busy.
            self._sweep_at = max(SWEEP_AT, 2 * len(self._full_at))
