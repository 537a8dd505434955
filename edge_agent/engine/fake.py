"""A deterministic engine that needs no model: for tests, demonstrations of the plumbing, and load tests of a gateway.

Its text is a function of the conversation and the seed alone: words drawn by a generator seeded with both. A word with
its space is a token. It knows no grammars and no JSON: such wishes are accepted and have no effect.
"""

import hashlib
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import anyio

from edge_agent.engine.port import Counts, FinishReason, Job, ModelInfo, Piece, TokenLogprob, Warmth, WireMessage
from edge_agent.engine.prompt import split_continued
from edge_agent.engine.text import TextGate
from edge_agent.errors import ContextTooLong

VOCABULARY = (
    "a and as at better but calm clear day early each first for from good habit helps in is it keeps light long many "
    "more most new of often one or people quiet rest simple slow small some steady takes the then time to walk water "
    "well when with work 朝 水 散歩 🌱"
)
WORDS = VOCABULARY.split()
ANSWER_TOKENS = 60  # length of an answer that nobody stops
REMEMBERED = 64  # prompts
LOGPROB = -0.5  # of every token


class FakeEngine:
    """Attributes count jobs, so that tests can see what became of them.

    Attributes:
        started, finished, cancelled: jobs so far; `running`: jobs that hold a slot now.
        jobs: every job that was started, in order.
    """

    def __init__(
        self,
        *,
        name: str = "fake",
        context_tokens: int = 4096,
        slots: int = 1,
        token_s: float = 0.0,
        prefill_s: float = 0.0,
    ) -> None:
        self._info = ModelInfo(name=name, context_tokens=context_tokens, slots=slots, engine="fake")
        self._slots = anyio.Semaphore(slots)
        self._token_s = token_s
        self._prefill_s = prefill_s
        self._memory: list[list[str]] = []
        self.jobs: list[Job] = []
        self.running = 0
        self.finished = 0
        self.cancelled = 0

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def started(self) -> int:
        return len(self.jobs)

    def stats(self) -> None:
        return None

    async def load(self) -> None:
        pass

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        messages, continued = split_continued(job.messages, job.continue_final)
        prompt = _tokens(messages) + continued.split()
        room = self._room(prompt)
        async with self._slots:
            self.jobs.append(job)
            self.running += 1
            done = False
            try:
                await anyio.sleep(self._prefill_s)
                cached = self._remember(prompt)
                limit = room if job.max_tokens is None else min(job.max_tokens, room)
                words = _answer(messages, job.seed, continued, endless=job.ignore_eos)
                pieces = self._write(job, words, limit, len(prompt), cached)
                yield pieces
                done = True
            finally:
                self.running -= 1
                self.finished += done
                self.cancelled += not done

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        prompt = _tokens(messages)
        self._room(prompt)
        return Warmth(tokens=len(prompt), cached=self._remember(prompt))

    async def _write(
        self, job: Job, words: Iterator[str], limit: int, prompt_tokens: int, cached: int
    ) -> AsyncIterator[Piece]:
        gate = TextGate(job.stop)
        written = 0
        reason: FinishReason = "stop"
        for word in words:
            if written == limit:
                reason = "length"
                break
            await anyio.sleep(self._token_s)
            written += 1
            text = gate.feed(word.encode())
            logprobs = (_logprob(word, job.top_logprobs),) if job.top_logprobs is not None and not gate.stopped else ()
            if text or logprobs:
                yield Piece(text, logprobs)
            if gate.stopped:
                break
        rest = gate.flush()
        mean = LOGPROB if job.mean_logprob and written else None
        yield Piece(rest, finish_reason=reason, counts=Counts(prompt_tokens, written, cached, mean))

    def _room(self, prompt: Sequence[str]) -> int:
        limit = self._info.context_tokens
        if len(prompt) >= limit:
            raise ContextTooLong(limit=limit, prompt_tokens=len(prompt))
        return limit - len(prompt)

    def _remember(self, prompt: list[str]) -> int:
        """Tokens that this prompt shares with the beginning of an earlier one."""
        shared = max((_shared(prompt, earlier) for earlier in self._memory), default=0)
        self._memory = [*self._memory[1 - REMEMBERED :], prompt]
        return min(shared, len(prompt) - 1)


def _tokens(messages: Sequence[WireMessage]) -> list[str]:
    return [token for m in messages for token in (f"<{m.get('role')}>", *str(m.get("content") or "").split())]


def _answer(messages: Sequence[WireMessage], seed: int | None, continued: str, *, endless: bool) -> Iterator[str]:
    """The words of the answer, those that `continued` says already left out."""
    told = json.dumps([[m.get("role"), m.get("content")] for m in messages], ensure_ascii=False)
    digest = hashlib.sha256(f"{seed}|{told}".encode()).digest()
    draw = random.Random(digest)  # noqa: S311 (nothing secret about it)
    said = ""
    for number in count() if endless else range(ANSWER_TOKENS):
        word = draw.choice(WORDS)
        word = word if number == 0 else f". {word.capitalize()}" if number % 9 == 0 else f" {word}"
        said += word
        if len(said) > len(continued):
            yield word[-(len(said) - len(continued)) :]
    yield "."


def _logprob(word: str, top: int | None) -> TokenLogprob:
    likely = TokenLogprob(word, tuple(word.encode()), LOGPROB)
    return TokenLogprob(word, likely.bytes, likely.logprob, (likely,) if top else ())


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
