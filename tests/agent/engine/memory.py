"""A backend of bookkeeping alone: it holds, token by token, what a real memory would, and draws by what it sees."""

from edge_agent.engine.batch import Batch, Copy, Sampled
from edge_agent.engine.scheduler import Limits


def next_token(seen: list[int]) -> int:
    """What follows is a function of every token before it, so that one wrong cell changes the text."""
    return (sum((n + 1) * token for n, token in enumerate(seen)) * 31 + len(seen)) % 97


class Memory:
    """Raises AssertionError where a real memory would be corrupt or full.

    Attribute `read`: tokens decoded so far.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held: dict[int, list[tuple[int, int]]] = {}  # sequence -> (cell, token)
        self.read = 0
        self._made = 0

    @property
    def cells(self) -> int:
        return len({cell for held in self.held.values() for cell, _ in held})

    def decode(self, batch: Batch) -> list[Sampled]:
        for edit in batch.edits:
            if isinstance(edit, Copy):
                assert not self.held.get(edit.target)
                assert len(self.held[edit.source]) >= edit.length
                self.held[edit.target] = self.held[edit.source][: edit.length]
            else:
                self.held.pop(edit.id, None)
        drawn = []
        for run in batch.runs:
            held = self.held.setdefault(run.sequence.id, [])
            assert len(held) == run.start, "positions without a gap"
            for token in run.tokens:
                self._made += 1
                held.append((self._made, token))
            if run.samples:
                seen = [token for _, token in held]
                assert seen == (run.sequence.prompt + run.sequence.generated)[: len(seen)]
                drawn.append(Sampled(next_token(seen)))
        self.read += batch.tokens
        assert self.cells <= self.limits.cells
        assert all(0 <= seq < self.limits.ids for seq in self.held)
        return drawn
