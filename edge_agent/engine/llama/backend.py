"""A model in llama.cpp: one context with one unified memory for all sequences, so that they can share cells."""

import ctypes
import logging
import time
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np

from edge_agent.engine.backend import DecodeFailed
from edge_agent.engine.batch import Batch, Copy, Run, Sampled
from edge_agent.engine.llama.arrays import BatchArrays, Floats
from edge_agent.engine.llama.logits import Logprobs, likeliest
from edge_agent.engine.llama.repack import as_q8_0
from edge_agent.engine.llama.sampling import SamplerChain, Samplers
from edge_agent.engine.llama.vocabulary import Vocabulary
from edge_agent.engine.need import cells, token_bytes
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Job, WireMessage
from edge_agent.engine.scheduler import Limits
from edge_agent.engine.template import ChatTemplate
from edge_agent.errors import BadRequest, ModelUnusable, cannot_load
from edge_agent.models.shape import read_shape

log = logging.getLogger("edge_agent")

TEMPLATE_BYTES = 1 << 18
MOST_SEQUENCES = 256  # llama.cpp's own bound
FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
CHUNKS_ALONE = 2  # prompts are read in steps so much larger where nobody waits for his next token
NO_TOKEN = 0  # stands for one that will not be looked at
KEPT_SHARE = 4  # of the memory, on a processor


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
        file = options.model if options.repack is None else as_q8_0(options.model, options.repack, options.threads)
        self._model = llama_cpp.llama_model_load_from_file(str(file).encode(), params)
        if not self._model:
            raise ModelUnusable(cannot_load(options.model))
        self.limits = self._limits(options)
        self._context = llama_cpp.llama_init_from_model(self._model, self._context_params(options))
        if not self._context:
            llama_cpp.llama_model_free(self._model)
            raise ModelUnusable(cannot_load(options.model))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.native_s = 0.0
        self.cell_bytes = token_bytes(read_shape(options.model), options.cache_type)
        self._vocabulary = Vocabulary(self._model)
        self._batch = BatchArrays(self._most_tokens)
        self._samplers = Samplers(self._vocabulary)
        self._logprobs = Logprobs(self._vocabulary.size)
        self._template = ChatTemplate(self._own_template(), bos=self._vocabulary.bos, eos=self._vocabulary.eos)

    def render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        return self._template.render(messages, open_turn=open_turn)

    def tokenize(self, prompt: str) -> list[int]:
        return self._vocabulary.tokenize(prompt)

    def piece(self, token: int) -> bytes:
        return self._vocabulary.piece(token)

    def text(self, token: int) -> bytes:
        return self._vocabulary.piece(token, special=False)

    def sampler(self, job: Job) -> SamplerChain:
        return self._samplers.chain(job)

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
        room = cells(options.context_tokens, options.slots, options.kv_tokens)
        # Kept sequences need ids, live ones besides; each id costs a row of logits.
        ids = min(MOST_SEQUENCES, 3 * options.slots + 8) if shares else options.slots
        chunk = min(options.ubatch_size, room)
        return Limits(
            slots=options.slots,
            cells=room,
            chunk=chunk,
            chunk_alone=min(CHUNKS_ALONE * chunk, room),
            ids=ids,
            # A processor's attention walks over all cells in use in every step, those of others too: 7,000 of them made
            # eight streams of a small model 17 % slower. On a GPU that was not measured.
            kept=room if options.gpu_layers else max(options.context_tokens, room // KEPT_SHARE),
            shares=shares,
        )

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

    @property
    def _most_tokens(self) -> int:
        """In one step."""
        return max(self.limits.chunk_alone, self.limits.chunk + self.limits.slots)

    def _context_params(self, options: EngineOptions) -> Any:
        limits = self.limits
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = limits.cells
        params.n_batch = params.n_ubatch = max(self._most_tokens, limits.ids)
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

    def _sample(self, run: Run, row: int) -> Sampled:
        sequence = run.sequence
        chain = sequence.sampler
        if not isinstance(chain, SamplerChain):
            raise AssertionError("whoever samples has a sampler of ours")
        began = time.perf_counter()
        try:
            if chain.grammar is None:
                token: int = llama_cpp.llama_sampler_sample(chain.pointer, self._context, row)
            else:
                token = self._samplers.draw_under_grammar(chain, self._row(row))
        except BadRequest as error:
            return Sampled(NO_TOKEN, ends=True, refused=error)
        finally:
            self.native_s += time.perf_counter() - began
        ends = token in self._vocabulary.ends
        if ends or not sequence.wants_logprob:
            return Sampled(token, ends)
        logits = self._row(row)
        total = self._logprobs.normaliser(logits)
        top = tuple((other, float(logits[other]) - total) for other in likeliest(logits, sequence.top_logprobs))
        return Sampled(token, ends, float(logits[token]) - total, top)

    def _row(self, row: int) -> Floats:
        pointer = llama_cpp.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self._vocabulary.size,))
