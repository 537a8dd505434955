"""Shadow prices: what one more token costs everybody else, in seconds, on either side.

A token on a server that decodes `b` sequences makes each of the others wait `slope` longer. Where a queue stands, it
also holds up all who wait, and by Little's law as many as arrive while the queue lasts. So a price is 0 on an idle
side, small while there are free slots, and grows with the queue: a greedy choice by these prices is the
drift-plus-penalty rule (Neely, 2010), which reaches the capacity of the whole system without knowing it.
"""

from dataclasses import dataclass
from math import exp

from picegate.core.plan import CloudView, Pace
from picegate.core.value import value
from picegate.planning.load import Load
from picegate.planning.placement import TYPICAL_TOKENS
from picegate.planning.survey import Survey

_IN_HAND = 0.5 * TYPICAL_TOKENS  # of a passage that is being written, still to come: the mean over its life
_MEMORY_S = 30.0  # after so long, an arrival weighs 1/e
UNLIMITED = 64  # calls in flight at a cloud of which no limit is known


@value
class Market:
    """Both sides at this moment.

    Attributes:
        cloud_price, edge_price: seconds of others' delay per token.
        cloud_read_price, edge_read_price: the same per second in which the cloud, or one node, reads.
        cloud_wait_s, edge_wait_s: until what waits there now is done.
        spared_s: by so much longer would the cloud's queue last if edges wrote nothing; 0 where none stands.
    """

    cloud_price: float
    edge_price: float
    cloud_read_price: float
    edge_read_price: float
    cloud_wait_s: float
    edge_wait_s: float
    spared_s: float = 0.0


def market(cloud: CloudView, pace: Pace, fleet: Survey, load: Load, arrivals_per_s: float) -> Market:
    """`load` is what open requests still owe, whether it waits or is being written."""
    limit = cloud.limit or UNLIMITED
    cloud_rate = pace.tokens_per_s(limit)
    cloud_wait_s = sum(cloud.waiting) / cloud_rate
    # What is owed beyond a fleet full of passages waits, or will: points of sketches that are still being written
    # count.
    edge_rate = fleet.tokens_per_s
    waiting = max(load.edge_tokens - fleet.slots * _IN_HAND, 0.0)
    edge_wait_s = waiting / edge_rate if edge_rate else 0.0
    cloud_price = pace.slope_s * min(cloud.in_flight, limit) + arrivals_per_s * cloud_wait_s / cloud_rate
    edge_price = fleet.pace.slope_s * fleet.batch
    if edge_rate:
        edge_price += arrivals_per_s * edge_wait_s / edge_rate
    # What is being written there waits, and so does its share of what comes meanwhile.
    cloud_read_price = min(cloud.in_flight, limit) + arrivals_per_s * cloud_wait_s
    edge_read_price = fleet.batch + (arrivals_per_s * edge_wait_s / fleet.fitting if fleet.fitting else 0.0)
    spared_s = load.edge_tokens / cloud_rate if cloud.waiting else 0.0
    return Market(cloud_price, edge_price, cloud_read_price, edge_read_price, cloud_wait_s, edge_wait_s, spared_s)


@dataclass(slots=True)
class Arrivals:
    """Requests per second, as a mean that forgets."""

    _rate: float = 0.0
    _at: float = 0.0

    def come(self, now: float) -> None:
        """One request has come. `now`: monotonic seconds."""
        self._rate = self.per_s(now) + 1.0 / _MEMORY_S
        self._at = now

    def per_s(self, now: float) -> float:
        return self._rate * exp(min(self._at - now, 0.0) / _MEMORY_S)
