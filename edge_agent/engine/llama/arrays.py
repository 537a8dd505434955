"""What goes into llama.cpp and comes out of it, in arrays that are made once: fresh ones cost more than the work."""

import ctypes
import math
from collections.abc import Sequence

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge_agent.engine.batch import Run

Floats = npt.NDArray[np.single]  # [n_vocab]
CANDIDATE = np.dtype([("id", np.int32), ("logit", np.single), ("p", np.single)])  # llama_token_data


class BatchArrays:
    """A llama_batch over arrays that stay where they are. Attribute `struct`: what llama_decode takes."""

    def __init__(self, most: int) -> None:
        self._tokens = np.zeros(most, dtype=np.int32)
        self._positions = np.zeros(most, dtype=np.int32)
        self._counts = np.ones(most, dtype=np.int32)  # every token belongs to one sequence ...
        self._sequences = np.zeros(most, dtype=np.int32)
        # ... and the n-th pointer leads to the n-th entry, for good.
        self._pointers = self._sequences.ctypes.data + 4 * np.arange(most, dtype=np.uintp)
        self._logits = np.zeros(most, dtype=np.int8)
        self.struct = llama_cpp.llama_batch()
        for field, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._pointers),
            ("logits", self._logits),
        ):
            kind = dict(llama_cpp.llama_batch._fields_)[field]
            setattr(self.struct, field, ctypes.cast(array.ctypes.data, kind))

    def fill(self, runs: Sequence[Run]) -> list[int]:
        """The rows at which tokens are to be sampled, in the runs' order."""
        rows = []
        at = 0
        for run in runs:
            count = len(run.tokens)
            end = at + count
            self._tokens[at:end] = run.tokens
            self._positions[at:end] = range(run.start, run.start + count) if count > 1 else run.start
            self._sequences[at:end] = run.sequence.id
            self._logits[at:end] = 0
            if run.samples:
                self._logits[end - 1] = 1
                rows.append(end - 1)
            at = end
        self.struct.n_tokens = at
        return rows


class Candidates:
    """A llama_token_data_array of the whole vocabulary. Attribute `struct`: what samplers are applied to."""

    def __init__(self, n_vocab: int) -> None:
        self._ids = np.arange(n_vocab, dtype=np.int32)
        self._entries = np.zeros(n_vocab, dtype=CANDIDATE)
        self.struct = llama_cpp.llama_token_data_array()

    def fill(self, logits: Floats) -> None:
        self._entries["id"] = self._ids  # samplers sort
        self._entries["logit"] = logits
        self._entries["p"] = 0.0
        kind = dict(llama_cpp.llama_token_data_array._fields_)["data"]
        self.struct.data = ctypes.cast(self._entries.ctypes.data, kind)
        self.struct.size = len(self._entries)
        self.struct.selected = -1
        self.struct.sorted = False

    @property
    def chosen(self) -> int | None:
        """The token that the samplers have selected; None where none was left, or they had to do with no numbers."""
        if self.struct.selected < 0:
            return None
        entry = self.struct.data[self.struct.selected]
        return int(entry.id) if entry.logit > -math.inf else None
