"""Chains of samplers in C, one for each sequence, and how a token is drawn with them."""

import ctypes
import json
import math
import re
import secrets
import time
import weakref
from collections.abc import Mapping
from typing import Any

import llama_cpp

from edge_agent.engine.llama.arrays import Candidates, Floats
from edge_agent.engine.llama.vocabulary import Vocabulary
from edge_agent.engine.port import Job
from edge_agent.errors import BadRequest

PENALTY_WINDOW = 64  # tokens, llama.cpp's default
# llama-server's defaults, see `Job`.
TEMPERATURE, TOP_K, TOP_P, MIN_P = 0.8, 40, 0.95, 0.05
COLD = 1e-3  # a temperature below is as good as none, and would make logits overflow
LONGEST_DRAW_S = 1.0  # usual are some milliseconds
LONGEST_GRAMMAR = 1 << 18  # characters
DEEPEST_GRAMMAR = 200  # brackets within brackets: the parser calls itself, and tens of thousands would end the process

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)


class SamplerChain:
    """Samplers in C, freed with the last reference if nobody closes it before.

    Attribute `grammar`: the request field of the grammar in it, if there is one.
    """

    def __init__(self, grammar: str | None = None) -> None:
        self.grammar = grammar
        self.pointer = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        self.close = weakref.finalize(self, llama_cpp.llama_sampler_free, self.pointer)

    def add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self.pointer, sampler)


class Samplers:
    """Makes chains, and draws with them. The drawing is for one thread."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._candidates = Candidates(vocabulary.size)

    def chain(self, job: Job) -> SamplerChain:
        """Raises BadRequest for a grammar or schema that does not parse."""
        grammar = self._grammar(job)
        chain = SamplerChain(None if grammar is None else "grammar" if job.grammar else "response_format")
        banned = dict.fromkeys(self._vocabulary.ends, -math.inf) if job.ignore_eos else {}
        if job.logit_bias or banned:
            chain.add(self._bias({**job.logit_bias, **banned}))
        penalties = (job.repeat_penalty or 1.0, job.frequency_penalty or 0.0, job.presence_penalty or 0.0)
        if penalties != (1.0, 0.0, 0.0):
            chain.add(llama_cpp.llama_sampler_init_penalties(self._vocabulary.size, PENALTY_WINDOW, *penalties))
        if grammar is not None:
            chain.add(grammar)
        temperature = _given(job.temperature, TEMPERATURE)
        if temperature < COLD:
            chain.add(llama_cpp.llama_sampler_init_greedy())
            return chain
        chain.add(llama_cpp.llama_sampler_init_top_k(_given(job.top_k, TOP_K)))
        chain.add(llama_cpp.llama_sampler_init_top_p(_given(job.top_p, TOP_P), 1))
        chain.add(llama_cpp.llama_sampler_init_min_p(_given(job.min_p, MIN_P), 1))
        chain.add(llama_cpp.llama_sampler_init_temp(temperature))
        chain.add(llama_cpp.llama_sampler_init_dist(_seed(job.seed)))
        return chain

    def draw_under_grammar(self, chain: SamplerChain, logits: Floats) -> int:
        """The next token.

        Raises:
            BadRequest: the grammar lets none follow (of which llama.cpp's own way kills the process), or has kept all
                others waiting for too long.
        """
        began = time.monotonic()
        self._candidates.fill(logits)
        llama_cpp.llama_sampler_apply(chain.pointer, ctypes.byref(self._candidates.struct))
        token = self._candidates.chosen
        if token is None:
            raise BadRequest("The grammar lets no token follow here.", param=chain.grammar)
        llama_cpp.llama_sampler_accept(chain.pointer, token)
        if time.monotonic() - began > LONGEST_DRAW_S:
            raise BadRequest("The grammar takes too long to apply: it is too ambiguous.", param=chain.grammar)
        return token

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
        param = "grammar" if job.grammar else "response_format"
        if why := unsafe(text):
            raise BadRequest(why, param=param)
        grammar = llama_cpp.llama_sampler_init_grammar(self._vocabulary.pointer, text.encode(), b"root")
        if not grammar:
            raise BadRequest("The grammar does not parse.", param=param)
        return grammar

    def _bias(self, bias: Mapping[int, float]) -> Any:
        entries = (llama_cpp.llama_logit_bias * len(bias))(*bias.items())
        return llama_cpp.llama_sampler_init_logit_bias(self._vocabulary.size, len(bias), entries)


def unsafe(grammar: str) -> str | None:
    """Why llama.cpp must not see it; None: it may. Strings, character classes and comments are passed over."""
    if len(grammar) > LONGEST_GRAMMAR:
        return f"The grammar is longer than {LONGEST_GRAMMAR} characters."
    deepest = depth = 0
    for character in _QUOTED.sub("", grammar):
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
        if character == "<":
            return "Tokens in grammars (<...>) are not supported: llama.cpp breaks where they meet characters."
    return "The brackets of the grammar are too deep." if deepest > DEEPEST_GRAMMAR else None


def _given(wish: Any, default: Any) -> Any:
    return default if wish is None else wish


def _seed(wish: int | None) -> int:
    """32 bits of it; never the one value by which llama.cpp means `draw one`."""
    seed = secrets.randbits(32) if wish is None else wish & 0xFFFF_FFFF
    return seed if seed != llama_cpp.LLAMA_DEFAULT_SEED else 0
