"""llama.cpp's C API by way of llama-cpp-python: the only file that drives it (`build.py` asks it what it can do).

One context with one unified memory for all sequences, so that they can share cells. The batch's arrays are made once
and filled through numpy; sampling happens in C, in a chain of samplers for each sequence.
"""

import ctypes
import json
import logging
import math
import os
import secrets
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from edge_agent.engine.backend import DecodeFailed
from edge_agent.engine.batch import Batch, Copy, Run, Sampled
from edge_agent.engine.logits import Floats, Logprobs, likeliest
from edge_agent.engine.need import CELLS_PAD, token_bytes
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Job, WireMessage
from edge_agent.engine.scheduler import Limits
from edge_agent.engine.template import ChatTemplate
from edge_agent.errors import BadRequest, ModelUnusable, cannot_load
from edge_agent.models.shape import read_shape

log = logging.getLogger("edge_agent")

PIECE_BYTES = 256  # longest token text in any vocabulary we know is 128
TEMPLATE_BYTES = 1 << 18
MOST_SEQUENCES = 256  # llama.cpp's own bound
FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
CHUNKS_ALONE = 2  # prompts are read in steps so much larger where nobody waits for his next token
KEPT_SHARE = 4  # of the memory, on a processor
PENALTY_WINDOW = 64  # tokens, llama.cpp's default
# llama-server's defaults, see `Job`.
TEMPERATURE, TOP_K, TOP_P, MIN_P = 0.8, 40, 0.95, 0.05


class LlamaBackend:
    """Raises ModelUnusable for a file that llama.cpp refuses."""

    name = "llama-cpp-python"

    def __init__(self, options: EngineOptions) -> None:
        # Its callback prints what is at least of its logger's level; quiet means quiet, also about a bad file.
        logging.getLogger("llama-cpp-python").setLevel(logging.DEBUG if options.verbose else logging.CRITICAL + 1)
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = options.gpu_layers
        params.load_mode = llama_cpp.llama_load_mode_from_str(options.load_mode.encode())
        model = options.model if options.repack is None else as_q8_0(options.model, options.repack, options.threads)
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
        if not self._model:
            raise ModelUnusable(cannot_load(options.model))
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._n_vocab = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self.limits = self._limits(options)
        self._context = llama_cpp.llama_init_from_model(self._model, self._context_params(options))
        if not self._context:
            llama_cpp.llama_model_free(self._model)
            raise ModelUnusable(cannot_load(options.model))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.native_s = 0.0
        self.cell_bytes = token_bytes(read_shape(options.model), options.cache_type)
        self._batch = _BatchArrays(max(self.limits.chunk_alone, self.limits.chunk + self.limits.slots))
        self._logprobs = Logprobs(self._n_vocab)
        self._ends = frozenset(t for t in range(self._n_vocab) if llama_cpp.llama_vocab_is_eog(self._vocab, t))
        self._bos = self.piece(llama_cpp.llama_vocab_bos(self._vocab)).decode(errors="replace")
        eos = self.piece(llama_cpp.llama_vocab_eos(self._vocab)).decode(errors="replace")
        self._template = ChatTemplate(self._own_template(), bos=self._bos, eos=eos)

    def render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        return self._template.render(messages, open_turn=open_turn)

    def tokenize(self, prompt: str) -> list[int]:
        # A template that writes the beginning-of-sequence token itself must not get a second one.
        adds_bos = llama_cpp.llama_vocab_get_add_bos(self._vocab) and not (self._bos and prompt.startswith(self._bos))
        text = prompt.encode()
        room = len(text) + 2
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self._vocab, text, len(text), tokens, room, adds_bos, True)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def piece(self, token: int) -> bytes:
        return self._piece(token, special=True)

    def text(self, token: int) -> bytes:
        return self._piece(token, special=False)

    def sampler(self, job: Job) -> "SamplerChain":
        grammar = self._grammar(job)
        chain = SamplerChain()
        banned = dict.fromkeys(self._ends, -math.inf) if job.ignore_eos else {}
        if job.logit_bias or banned:
            chain.add(self._bias({**job.logit_bias, **banned}))
        penalties = (job.repeat_penalty or 1.0, job.frequency_penalty or 0.0, job.presence_penalty or 0.0)
        if penalties != (1.0, 0.0, 0.0):
            chain.add(llama_cpp.llama_sampler_init_penalties(self._n_vocab, PENALTY_WINDOW, *penalties))
        if grammar is not None:
            chain.add(grammar)
        temperature = _given(job.temperature, TEMPERATURE)
        if temperature == 0:
            chain.add(llama_cpp.llama_sampler_init_greedy())
            return chain
        chain.add(llama_cpp.llama_sampler_init_top_k(_given(job.top_k, TOP_K)))
        chain.add(llama_cpp.llama_sampler_init_top_p(_given(job.top_p, TOP_P), 1))
        chain.add(llama_cpp.llama_sampler_init_min_p(_given(job.min_p, MIN_P), 1))
        chain.add(llama_cpp.llama_sampler_init_temp(temperature))
        chain.add(llama_cpp.llama_sampler_init_dist(_seed(job.seed)))
        return chain

    def decode(self, batch: Batch) -> list[Sampled]:
        for edit in batch.edits:
            if isinstance(edit, Copy):
                llama_cpp.llama_memory_seq_cp(self._memory, edit.source, edit.target, 0, edit.length)
            else:
                llama_cpp.llama_memory_seq_rm(self._memory, edit.id, -1, -1)
        if not batch.runs:
            return []
        rows = self._batch.fill(batch.runs)
        began = time.perf_counter()
        status = llama_cpp.llama_decode(self._context, self._batch.struct)
        self.native_s += time.perf_counter() - began
        if status != 0:
            raise DecodeFailed(f"llama_decode gave {status}")
        sampling = [run for run in batch.runs if run.samples]
        return [self._sample(run, row) for run, row in zip(sampling, rows, strict=True)]

    def close(self) -> None:
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _limits(self, options: EngineOptions) -> Limits:
        if options.slots > MOST_SEQUENCES:
            raise ModelUnusable(f"llama.cpp writes at most {MOST_SEQUENCES} answers at once, not {options.slots}")
        shares = self._can_share(options)
        cells = -(-options.slots * options.context_tokens // CELLS_PAD) * CELLS_PAD
        # Kept sequences need ids, live ones besides; each id costs a row of logits.
        ids = min(MOST_SEQUENCES, 3 * options.slots + 8) if shares else options.slots
        chunk = min(options.ubatch_size, cells)
        return Limits(
            slots=options.slots,
            cells=cells,
            chunk=chunk,
            chunk_alone=min(CHUNKS_ALONE * chunk, cells),
            ids=ids,
            kept=self._most_kept(options, cells),
            shares=shares,
        )

    @staticmethod
    def _most_kept(options: EngineOptions, cells: int) -> int:
        """A processor's attention walks over all cells in use, also those of others, in every step: 7,000 of them made
        eight streams of a small model 17 % slower. GPU kernels skip them by the block."""
        return cells if options.gpu_layers else max(options.context_tokens, cells // KEPT_SHARE)

    def _can_share(self, options: EngineOptions) -> bool:
        reasons = {
            "recurrent": llama_cpp.llama_model_is_recurrent(self._model),
            "partly recurrent": llama_cpp.llama_model_is_hybrid(self._model),
            "a sliding window": llama_cpp.llama_model_n_swa(self._model) > 0,
        }
        found = next((reason for reason, holds in reasons.items() if holds), None)
        if found is not None:
            log.warning("%s has a memory that is %s: prompts are not shared or kept", options.name, found)
        return found is None

    def _context_params(self, options: EngineOptions) -> Any:
        limits = self.limits
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = limits.cells
        params.n_batch = params.n_ubatch = max(limits.chunk_alone, limits.chunk + limits.slots, limits.ids)
        params.n_seq_max = limits.ids
        params.n_outputs_max = limits.ids  # llama.cpp reserves one for each sequence it knows
        params.n_threads = params.n_threads_batch = options.threads
        params.flash_attn_type = FLASH_ATTENTION[options.flash_attn]
        params.type_k = params.type_v = getattr(llama_cpp, f"GGML_TYPE_{options.cache_type.upper()}")
        params.kv_unified = True
        params.no_perf = True
        return params

    def _own_template(self) -> str | None:
        buffer = ctypes.create_string_buffer(TEMPLATE_BYTES)
        key = b"tokenizer.chat_template"
        length = llama_cpp.llama_model_meta_val_str(self._model, key, buffer, TEMPLATE_BYTES)
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def _piece(self, token: int, *, special: bool) -> bytes:
        buffer = ctypes.create_string_buffer(PIECE_BYTES)
        length = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, PIECE_BYTES, 0, special)
        return buffer.raw[: max(0, length)]

    def _grammar(self, job: Job) -> Any:
        """A grammar sampler, or None. Made before the chain that takes it: the chain would crash on a failed one."""
        text = job.grammar
        if job.json_schema is not None:
            try:
                text = llama_cpp.llama_grammar.json_schema_to_gbnf(json.dumps(job.json_schema))
            except Exception as error:  # the converter raises whatever it stumbles over
                raise BadRequest(f"The JSON schema cannot be used: {error}", param="response_format") from error
        if text is None:
            return None
        grammar = llama_cpp.llama_sampler_init_grammar(self._vocab, text.encode(), b"root")
        if not grammar:
            raise BadRequest("The grammar does not parse.", param="grammar" if job.grammar else "response_format")
        return grammar

    def _bias(self, bias: Mapping[int, float]) -> Any:
        entries = (llama_cpp.llama_logit_bias * len(bias))(*bias.items())
        return llama_cpp.llama_sampler_init_logit_bias(self._n_vocab, len(bias), entries)

    def _sample(self, run: Run, row: int) -> Sampled:
        sequence = run.sequence
        if sequence.sampler is None:
            raise AssertionError("whoever samples has a sampler")
        began = time.perf_counter()
        token: int = llama_cpp.llama_sampler_sample(sequence.sampler.pointer, self._context, row)
        self.native_s += time.perf_counter() - began
        ends = token in self._ends
        if ends or not sequence.wants_logprob:
            return Sampled(token, ends)
        logits = self._row(row)
        total = self._logprobs.normaliser(logits)
        top = tuple((other, float(logits[other]) - total) for other in likeliest(logits, sequence.top_logprobs))
        return Sampled(token, ends, float(logits[token]) - total, top)

    def _row(self, row: int) -> Floats:
        pointer = llama_cpp.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self._n_vocab,))


def as_q8_0(model: Path, kept: Path, threads: int) -> Path:
    """`kept`, made from `model` where it is not there; `model` itself where it cannot be made, which the log tells.

    It appears under its name only when it is whole.
    """
    if kept.exists():
        return kept
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, True, threads
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".repack-") as scratch:
            made = Path(scratch) / kept.name
            if llama_cpp.llama_model_quantize(str(model).encode(), str(made).encode(), params) != 0:
                raise OSError("llama.cpp could not write it")
            os.replace(made, kept)
    except OSError as error:
        log.warning("%s stays as it is packed: %s", model.name, error)
        return model
    log.info("%s was repacked as Q8_0: %s", model.name, kept)
    return kept


class SamplerChain:
    """Samplers in C, freed with the last reference if nobody closes it before."""

    def __init__(self) -> None:
        self.pointer = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        self.close = weakref.finalize(self, llama_cpp.llama_sampler_free, self.pointer)

    def add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self.pointer, sampler)


class _BatchArrays:
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


def _given(wish: Any, default: Any) -> Any:
    return default if wish is None else wish


def _seed(wish: int | None) -> int:
    """32 bits of it; never the one value by which llama.cpp means `draw one`."""
    seed = secrets.randbits(32) if wish is None else wish & 0xFFFF_FFFF
    return seed if seed != llama_cpp.LLAMA_DEFAULT_SEED else 0
