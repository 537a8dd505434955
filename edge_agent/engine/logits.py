"""The logits of one step, on their way from the model to the sampler."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.single]  # [n_vocab]


class LogitTap:
    """Sits between model and sampler: keeps the logits of the step, and adds the job's bias to them."""

    def __init__(self, bias: Mapping[int, float]) -> None:
        self._bias = bias
        self._logits: Floats = np.zeros(0, dtype=np.single)

    def __call__(self, _: Any, logits: Floats) -> Floats:
        self._logits = np.array(logits)
        biased = np.array(logits)
        for token, bias in self._bias.items():
            if 0 <= token < len(biased):
                biased[token] += bias
        return biased

    def logprobs(self) -> Floats:
        """Natural log probabilities of the whole vocabulary, [n_vocab]."""
        shifted = self._logits - self._logits.max()
        result: Floats = shifted - np.log(np.exp(shifted).sum())
        return result


def likeliest(logprobs: Floats, count: int) -> list[int]:
    """The `count` likeliest tokens, best first."""
    if count == 0:
        return []
    best: list[int] = np.argpartition(logprobs, -count)[-count:].tolist()
    return sorted(best, key=lambda token: -logprobs[token])
