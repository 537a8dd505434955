"""The model alone: every prompt read in one piece from nothing, every token decoded by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge_agent.bench.ask import Ask, Step
from edge_agent.bench.peers.backend import Plain, Setup, chat
from edge_agent.engine.template import ChatTemplate

Logprobs = npt.NDArray[np.float64]  # [n_vocab], natural
CELL_BYTES = 2  # of one key or value, as half floats


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the model: parameters, bytes read per decoded token, bytes of one key-value cell."""

    parameters: int
    bytes: int
    cell_bytes: int


@dataclass(frozen=True, slots=True)
class Alone:
    """One prompt, read alone.

    Attributes:
        first: the logprob of every token's bytes at the first place.
        noise: largest and mean difference over the `top` likeliest when the same prompt is read in two parts.
        steps: the greedy text.
    """

    prompt_tokens: int
    first: dict[bytes, float] = field(repr=False)
    noise: tuple[float, float]
    steps: tuple[Step, ...] = field(repr=False)


class Reference(Plain):
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._llm: Any = None
        self._pieces: list[bytes] = []

    async def open(self) -> str:
        s = self._setup
        options = {"n_ctx": s.context_tokens, "n_threads": s.threads, "n_threads_batch": s.threads}
        self._llm = llama_cpp.Llama(str(s.model), **options, flash_attn=True, verbose=False)
        vocab = llama_cpp.llama_model_get_vocab(self._llm.model)
        self._vocab = vocab
        self._pieces = [self._piece(token) for token in range(self._llm.n_vocab())]
        source = self._llm.metadata.get("tokenizer.chat_template")
        bos, eos = (self._pieces[t].decode() for t in (self._llm.token_bos(), self._llm.token_eos()))
        self._template = ChatTemplate(source, bos=bos, eos=eos)
        return f"llama-cpp-python {llama_cpp.__version__}, one sequence"

    async def close(self) -> None:
        self._llm.close()

    async def facts(self) -> Facts:
        model = self._llm.model
        count = llama_cpp.llama_model_n_layer(model) * llama_cpp.llama_model_n_head_kv(model)
        width = llama_cpp.llama_model_n_embd(model) // llama_cpp.llama_model_n_head(model)
        parameters, size = llama_cpp.llama_model_n_params(model), llama_cpp.llama_model_size(model)
        return Facts(int(parameters), int(size), count * width * 2 * CELL_BYTES)

    async def alone(self, ask: Ask, top: int) -> Alone:
        """Read and write `ask` from an empty memory; `top` alternatives are compared for the noise."""
        prompt = self._template.render(chat(ask), open_turn=True)
        tokens = self._llm.tokenize(prompt.encode(), add_bos=False, special=True)
        shared = len(self._llm.tokenize(prompt[: prompt.rindex(ask.suffix)].encode(), add_bos=False, special=True))
        parted = self._read(tokens[:shared], tokens[shared:])
        whole = self._read(tokens)
        likeliest = np.argsort(-whole)[:top]
        differences = np.abs(whole[likeliest] - parted[likeliest])
        first: dict[bytes, float] = {}
        for piece, logprob in zip(self._pieces, whole.tolist(), strict=True):
            first[piece] = max(logprob, first.get(piece, logprob))
        steps = self._write(whole, ask.max_tokens)
        return Alone(len(tokens), first, (float(differences.max()), float(differences.mean())), steps)

    def _read(self, *parts: Sequence[int]) -> Logprobs:
        self._llm.reset()
        for part in parts:
            self._llm.eval(part)
        return self._logprobs()

    def _write(self, logprobs: Logprobs, count: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        for _ in range(count):
            best, second = np.argsort(-logprobs)[:2].tolist()
            if llama_cpp.llama_vocab_is_eog(self._vocab, best):
                break
            top = tuple((self._pieces[token], float(logprobs[token])) for token in (best, second))
            steps.append(Step(self._pieces[best], top))
            self._llm.eval([best])
            logprobs = self._logprobs()
        return tuple(steps)

    def _logprobs(self) -> Logprobs:
        raw = llama_cpp.llama_get_logits_ith(self._llm.ctx, -1)
        logits = np.ctypeslib.as_array(raw, shape=(self._llm.n_vocab(),)).astype(np.float64)
        logits -= logits.max()
        result: Logprobs = logits - np.log(np.exp(logits).sum())
        return result

    def _piece(self, token: int) -> bytes:
        return bytes(self._llm.detokenize([token], special=True))
