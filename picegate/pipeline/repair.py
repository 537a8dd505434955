"""Second opinions on weak passages: taken only while nobody reads them, so that they cost the reader nothing.

A draft lies whole in the merger while others write it once more beside it. When its turn comes, the best draft so far
goes out and the legs under way are stopped; so no reader ever waits for a repair, and nothing read is exchanged.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import anyio

from picegate.assembly.merger import Merger
from picegate.core.errors import Busy, CloudError, EdgeError
from picegate.core.usage import LegRecord
from picegate.settings import QualitySettings


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole passage. `node`: the id of the node that wrote it, None for the cloud. `record`: of the leg that did."""

    text: str
    writer: str
    node: str | None
    record: LegRecord

    @property
    def confidence(self) -> float:
        """1 where it was not scored."""
        return 1.0 if self.record.quality is None else self.record.quality.confidence


class Repairs:
    def __init__(self, settings: QualitySettings, merger: Merger) -> None:
        self._settings = settings
        self._merger = merger
        self._open: dict[int, anyio.CancelScope] = {}

    def turned(self) -> None:
        """The merger may have gone on to another segment: what is read now is repaired no more."""
        for segment, scope in self._open.items():
            if segment <= self._merger.turn:
                scope.cancel()

    async def best(self, segment: int, draft: Draft, rewrites: Iterable[Callable[[], Awaitable[Draft]]]) -> Draft:
        """The passage that stands in the merger in the end: `draft`, or the first rewrite to be good, or the best.

        Rewrites are tried in turn, as long as the best so far is weak and not being read. Of equals the earlier stays.
        """
        drafts = [draft]
        if self._wanted(segment, drafts):
            with anyio.CancelScope() as scope:
                self._open[segment] = scope
                try:
                    for rewrite in rewrites:
                        if not self._wanted(segment, drafts):
                            break
                        try:
                            drafts.append(await rewrite())
                        except (EdgeError, CloudError, Busy):
                            continue
                        if drafts[-1].confidence > max(one.confidence for one in drafts[:-1]):
                            self._merger.reset(segment)
                            self._merger.passage(segment, drafts[-1].text, drafts[-1].writer)
                finally:
                    del self._open[segment]
        best = max(drafts, key=lambda one: one.confidence)
        for one in drafts:
            one.record.kept = None if one.record.quality is None else one is best
        return best

    def _wanted(self, segment: int, drafts: Sequence[Draft]) -> bool:
        weak = all(one.confidence < self._settings.threshold for one in drafts)
        return weak and segment > self._merger.turn
