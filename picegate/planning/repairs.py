"""What passages cost beyond being written once: tries that failed, rescues and rewrites by the cloud.

Two decayed shares, in tokens for each token of a passage: what edges wrote in vain, which depends on the fleet, and
what the cloud wrote, which depends on the service level, too. A fleet half of whose tries fail has half the capacity
it seems to have, and one whose passages the cloud writes again saves nothing: both must be in the price. Further
candidates on edges are not: they take slots that nobody wants, and give them back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picegate.core.chat import ServiceLevel
from picegate.core.usage import LegEnd, LegKind, Tally
from picegate.core.value import value

VERSION = 1
_KEPT = 0.97  # of all that was seen, with every answer more
_PRIOR_TOKENS = 900.0  # passages without any repair that everyone begins with: about four answers
_MOST = 4.0  # a share beyond this says nothing more


@value
class Again:
    """Tokens for each token of a passage, beyond the passage itself."""

    edge: float = 0.0
    cloud: float = 0.0


ONCE = Again()  # every passage is written once


@value
class Written:
    """Of one progressive answer, in tokens.

    Attributes:
        passages: of the legs that went well, further candidates left out; whoever wrote them.
        edge_again: of the tries in vain on edges.
        cloud_again: of all that the cloud wrote for points, rescues and rewrites.
    """

    passages: float
    edge_again: float
    cloud_again: float


def written(tally: Tally) -> Written:
    """Warm-up writes nothing that counts, and the sketch is no passage."""
    passages = edge_again = cloud_again = 0.0
    for leg in tally.legs:
        tokens = leg.tokens.completion
        if leg.kind not in (LegKind.EXPAND, LegKind.HEDGE, LegKind.VERIFY):
            continue
        done = leg.kind is not LegKind.VERIFY and leg.end is LegEnd.DONE
        passages += tokens if done else 0.0
        if leg.is_cloud:
            cloud_again += tokens
        elif not done and leg.kind is not LegKind.VERIFY:
            edge_again += tokens
    return Written(passages, edge_again, cloud_again)


@dataclass(slots=True)
class _Share:
    """A ratio of sums that forget."""

    again: float = 0.0
    passages: float = 0.0

    def add(self, again: float, passages: float) -> None:
        self.again = _KEPT * self.again + again
        self.passages = _KEPT * self.passages + passages

    @property
    def value(self) -> float:
        return min(self.again / (self.passages + _PRIOR_TOKENS), _MOST)


class RepairModel:
    def __init__(self) -> None:
        self._edge = _Share()
        self._cloud = {service: _Share() for service in ServiceLevel}

    def again(self, service: ServiceLevel) -> Again:
        return Again(self._edge.value, self._cloud[service].value)

    def learn(self, service: ServiceLevel, seen: Written) -> None:
        """An answer with points has ended."""
        self._edge.add(seen.edge_again, seen.passages)
        self._cloud[service].add(seen.cloud_again, seen.passages)

    def as_data(self) -> dict[str, Any]:
        shares = {"edge": self._edge} | {f"cloud.{service.value}": share for service, share in self._cloud.items()}
        return {"version": VERSION} | {name: [share.again, share.passages] for name, share in shares.items()}

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> "RepairModel":
        """Go on from `as_data`; from nothing where there is none, or it is another version's or broken."""
        model = cls()
        if data is None or data.get("version") != VERSION:
            return model
        try:
            edge = _share(data["edge"])
            cloud = {service: _share(data[f"cloud.{service.value}"]) for service in ServiceLevel}
        except (KeyError, TypeError, ValueError):
            return model
        model._edge, model._cloud = edge, cloud
        return model


def _share(data: Any) -> _Share:
    again, passages = (float(value) for value in data)
    if not (0 <= again < float("inf") and 0 <= passages < float("inf")):
        raise ValueError("a sum of tokens is neither negative nor endless")
    return _Share(again, passages)
