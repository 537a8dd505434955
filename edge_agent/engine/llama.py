"""llama-cpp-python, compiled for this machine: the simplest honest adapter.

One sequence after another, on a thread of its own. Sampling goes through the high-level `Llama.generate`; logprobs are
taken from the logits on their way to the sampler, since `logits_all` makes the library several times slower. The
key-value memory of the last job is kept, so that a prompt that begins like it is not read again.
"""

import asyncio
import ctypes
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
import llama_cpp

from edge_agent.engine.logits import LogitTap, likeliest
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Counts, FinishReason, Job, ModelInfo, Piece, TokenLogprob, Warmth, WireMessage
from edge_agent.engine.prompt import cut_after, split_continued
from edge_agent.engine.template import ChatTemplate
from edge_agent.engine.text import TextGate
from edge_agent.errors import BadRequest, ContextTooLong, EngineFailed, ModelUnusable, cannot_load

PREFILL_CHUNK = 128  # tokens between two looks at whether the client is still there
PIECE_BYTES = 256  # longest token text in any vocabulary we know is 128
T = TypeVar("T")
Emit = Callable[[Piece], None]


class LlamaEngine:
    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._model: _Model | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")
        self._turn = anyio.Lock()

    @property
    def info(self) -> ModelInfo:
        o = self._options
        return ModelInfo(name=o.name, context_tokens=o.context_tokens, slots=1, engine="llama-cpp-python")

    async def load(self) -> None:
        if self._model is None:
            self._model = await self._in_thread(partial(_Model, self._options))

    async def close(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            await self._in_thread(model.close)

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with self._turn:
            model = self._loaded
            tokens, grammar = await self._in_thread(partial(model.prepare, job))
            gone = threading.Event()
            loop = asyncio.get_running_loop()
            queue: asyncio.Queue[Piece | None] = asyncio.Queue()

            def emit(piece: Piece | None) -> None:
                loop.call_soon_threadsafe(queue.put_nowait, piece)

            decode = self._thread.submit(model.decode, job, tokens, grammar, emit, gone)
            decode.add_done_callback(lambda _: emit(None))
            try:
                yield _pieces(queue, decode.result)
            finally:
                gone.set()
                ended = asyncio.wrap_future(decode)
                with anyio.CancelScope(shield=True):  # at most one token, or one chunk of prefill
                    await asyncio.wait([ended])
                ended.exception()  # whoever is still here has had it from the iterator

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        async with self._turn:
            return await self._in_thread(partial(self._loaded.warm, messages))

    @property
    def _loaded(self) -> "_Model":
        if self._model is None:
            raise EngineFailed("The engine is not loaded.")
        return self._model

    async def _in_thread(self, call: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, call)
        with anyio.CancelScope(shield=True):  # the thread cannot be left half way
            await asyncio.wait([future])
        return future.result()


async def _pieces(queue: "asyncio.Queue[Piece | None]", outcome: Callable[[], None]) -> AsyncIterator[Piece]:
    while (piece := await queue.get()) is not None:
        yield piece
    try:
        outcome()
    except Exception as error:
        raise EngineFailed(f"The engine broke: {error}") from error


class _Model:
    """The loaded model, used by one thread only."""

    def __init__(self, options: EngineOptions) -> None:
        try:
            self._llm = llama_cpp.Llama(
                str(options.model),
                n_ctx=options.context_tokens,
                n_threads=options.threads,
                n_threads_batch=options.threads,
                n_gpu_layers=options.gpu_layers,
                verbose=options.verbose,
            )
        except (ValueError, OSError) as error:
            raise ModelUnusable(cannot_load(options.model)) from error
        self._limit = options.context_tokens
        self._vocab = llama_cpp.llama_model_get_vocab(self._llm.model)
        self._bos = self._piece(self._llm.token_bos(), special=True).decode(errors="replace")
        eos = self._piece(self._llm.token_eos(), special=True).decode(errors="replace")
        self._template = ChatTemplate(self._llm.metadata.get("tokenizer.chat_template"), bos=self._bos, eos=eos)

    def close(self) -> None:
        self._llm.close()

    def prepare(self, job: Job) -> tuple[list[int], Any]:
        """The prompt's tokens and the grammar; whatever is wrong with the job is found here."""
        messages, continued = split_continued(job.messages, job.continue_final)
        tokens = self._tokenize(self._template.render(messages, open_turn=True) + continued)
        return tokens, self._grammar(job)

    def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        rendered = self._template.render(messages, open_turn=False)
        tokens = self._tokenize(cut_after(rendered, str(messages[-1].get("content") or "")))
        cached = self._prefill(tokens, threading.Event())
        next(self._llm.generate(tokens, temp=0.0))
        return Warmth(tokens=len(tokens), cached=cached)

    def decode(self, job: Job, tokens: list[int], grammar: Any, emit: Emit, gone: threading.Event) -> None:
        gate = TextGate(job.stop)
        cached = self._prefill(tokens, gone)
        room = self._limit - len(tokens)
        limit = room if job.max_tokens is None else min(job.max_tokens, room)
        tap = LogitTap(job.logit_bias) if job.top_logprobs is not None or job.logit_bias else None
        logprobs: list[TokenLogprob] = []
        reason: FinishReason = "length"
        written = 0
        if not gone.is_set():
            for token in self._sample(job, tokens, grammar, tap):
                written += 1
                if gone.is_set():
                    return
                if llama_cpp.llama_vocab_is_eog(self._vocab, token):
                    reason = "stop"
                    break
                if tap is not None and job.top_logprobs is not None:
                    logprobs.append(self._logprob(tap, token, job.top_logprobs))
                text = gate.feed(self._piece(token))
                if gate.stopped:
                    reason = "stop"
                if text and not (gate.holds_back or gate.stopped):
                    emit(Piece(text, tuple(logprobs)))
                    logprobs.clear()
                elif text:
                    emit(Piece(text))
                if gate.stopped or written == limit:
                    break
        rest = "" if gate.stopped else gate.flush()
        counts = Counts(prompt=len(tokens), completion=written, cached=cached)
        emit(Piece(rest, () if gate.stopped else tuple(logprobs), finish_reason=reason, counts=counts))

    def _sample(self, job: Job, tokens: list[int], grammar: Any, tap: LogitTap | None) -> Any:
        seed = llama_cpp.LLAMA_DEFAULT_SEED if job.seed is None else job.seed & 0xFFFF_FFFF
        self._llm.set_seed(seed)
        wishes = {
            "temp": job.temperature,
            "top_p": job.top_p,
            "top_k": job.top_k,
            "min_p": job.min_p,
            "presence_penalty": job.presence_penalty,
            "frequency_penalty": job.frequency_penalty,
            "repeat_penalty": job.repeat_penalty,
        }
        return self._llm.generate(
            tokens,
            grammar=grammar,
            logits_processor=None if tap is None else llama_cpp.LogitsProcessorList([tap]),
            **{name: value for name, value in wishes.items() if value is not None},
        )

    def _prefill(self, tokens: list[int], gone: threading.Event) -> int:
        """Read the prompt in chunks, so that it can be left. How many tokens were known already."""
        held = self._llm.input_ids[: self._llm.n_tokens].tolist()
        cached: int = min(llama_cpp.Llama.longest_token_prefix(held, tokens), len(tokens) - 1)
        for end in range(cached + PREFILL_CHUNK, len(tokens), PREFILL_CHUNK):
            if gone.is_set():
                break
            next(self._llm.generate(tokens[:end], temp=0.0))
        return cached

    def _tokenize(self, prompt: str) -> list[int]:
        # A template that writes the beginning-of-sequence token itself must not get a second one.
        adds_bos = llama_cpp.llama_vocab_get_add_bos(self._vocab) and not (self._bos and prompt.startswith(self._bos))
        tokens: list[int] = list(self._llm.tokenize(prompt.encode(), add_bos=adds_bos, special=True))
        if len(tokens) >= self._limit:
            raise ContextTooLong(limit=self._limit, prompt_tokens=len(tokens))
        return tokens

    def _grammar(self, job: Job) -> Any:
        text = job.grammar
        if job.json_schema is not None:
            try:
                text = llama_cpp.llama_grammar.json_schema_to_gbnf(json.dumps(job.json_schema))
            except Exception as error:  # the converter raises whatever it stumbles over
                raise BadRequest(f"The JSON schema cannot be used: {error}", param="response_format") from error
        if text is None:
            return None
        # Tried first: the library would put a failed grammar into its sampler chain, and crash.
        sampler = llama_cpp.llama_sampler_init_grammar(self._vocab, text.encode(), b"root")
        if not sampler:
            raise BadRequest("The grammar does not parse.", param="grammar" if job.grammar else "response_format")
        llama_cpp.llama_sampler_free(sampler)
        return llama_cpp.LlamaGrammar.from_string(text, verbose=False)

    def _piece(self, token: int, *, special: bool = False) -> bytes:
        buffer = ctypes.create_string_buffer(PIECE_BYTES)
        length = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, PIECE_BYTES, 0, special)
        return buffer.raw[: max(0, length)]

    def _logprob(self, tap: LogitTap, token: int, top: int) -> TokenLogprob:
        values = tap.logprobs()
        ranked = tuple(self._entry(other, values[other]) for other in likeliest(values, top))
        return self._entry(token, values[token], ranked)

    def _entry(self, token: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        raw = self._piece(token, special=True)
        return TokenLogprob(raw.decode(errors="replace"), tuple(raw), float(logprob), top)
