"""Log probabilities from one row of logits."""

import numpy as np

from edge_agent.engine.llama.arrays import Floats


class Logprobs:
    """Works in one buffer, since a fresh one for every token costs more than the arithmetic."""

    def __init__(self, n_vocab: int) -> None:
        self._buffer: Floats = np.empty(n_vocab, dtype=np.single)

    def normaliser(self, logits: Floats) -> float:
        """What to subtract from a logit to have its natural log probability: log of the sum of all exponentials."""
        top = float(logits.max())
        np.subtract(logits, top, out=self._buffer)
        np.exp(self._buffer, out=self._buffer)
        return top + float(np.log(self._buffer.sum()))


def likeliest(logits: Floats, count: int) -> list[int]:
    """The `count` likeliest tokens, best first."""
    if count == 0:
        return []
    best: list[int] = np.argpartition(logits, -count)[-count:].tolist()
    return sorted(best, key=lambda token: -logits[token])
