"""The engine of real boxes: all answers in one batch, prompts that begin alike read once.

Threads: the event loops render nothing and decode nothing. Templates and tokenisers run on worker threads, since a long
prompt takes them a while; the model runs on the decode loop's own.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from edge_agent.engine.backend import Backend
from edge_agent.engine.loop import DecodeLoop, News, Order
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.passage import Passage
from edge_agent.engine.port import Job, ModelInfo, Piece, Stats, Warmth, WireMessage
from edge_agent.engine.prompt import cut_after, split_continued
from edge_agent.engine.sequence import Sequence as TokenSequence
from edge_agent.engine.sequence import Urgency
from edge_agent.errors import BadRequest, ContextTooLong, EngineFailed

log = logging.getLogger("edge_agent")

HUNG_S = 120.0  # no step of any model on any box takes this long
SEEDS = range(-(2**63), 2**64)  # what clients can mean by a 64-bit integer


class BatchingEngine:
    """`open_backend` loads the model; it is called again when a step hangs, and the hung one is left behind."""

    def __init__(
        self,
        options: EngineOptions,
        open_backend: Callable[[EngineOptions], Backend],
        *,
        name: str,
        hung_s: float = HUNG_S,
    ) -> None:
        self._options = options
        self._open = open_backend
        self._name = name
        self._hung_s = hung_s
        self._backend: Backend | None = None
        self._loop: DecodeLoop | None = None
        self._opening = anyio.Lock()

    @property
    def info(self) -> ModelInfo:
        o = self._options
        return ModelInfo(name=o.name, context_tokens=o.context_tokens, slots=o.slots, engine=self._name)

    def stats(self) -> Stats | None:
        return None if self._loop is None else self._loop.stats()

    @property
    def loop(self) -> DecodeLoop | None:
        """The thread that decodes; None: not loaded."""
        return self._loop

    async def load(self) -> None:
        async with self._opening:
            if self._loop is None:
                with anyio.CancelScope(shield=True):  # a model half loaded cannot be left
                    self._backend = await anyio.to_thread.run_sync(self._open, self._options)
                    self._loop = DecodeLoop(self._backend)

    async def close(self) -> None:
        loop, self._loop, self._backend = self._loop, None, None
        if loop is not None:
            with anyio.CancelScope(shield=True):  # at most one step
                await anyio.to_thread.run_sync(loop.close)

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        backend, loop = await self._loaded()
        sequence = await anyio.to_thread.run_sync(self._prepare, backend, job)
        order = Order(sequence, Passage(job, backend))
        loop.submit(order)
        try:
            yield self._pieces(loop, order)
        finally:
            loop.cancel(order)

    async def warm(self, messages: Sequence[WireMessage]) -> Warmth:
        backend, loop = await self._loaded()
        sequence = await anyio.to_thread.run_sync(self._to_hold, backend, messages)
        order = Order(sequence)
        loop.submit(order)
        try:
            await self._news(loop, order)
        finally:
            loop.cancel(order)
        return Warmth(tokens=len(sequence.prompt), cached=sequence.cached or 0)

    async def _loaded(self) -> tuple[Backend, DecodeLoop]:
        if self._loop is not None and self._loop.broken:
            self._leave_behind(self._loop)
            await self.load()
        if self._backend is None or self._loop is None:
            raise EngineFailed("The engine is not loaded.")
        return self._backend, self._loop

    def _leave_behind(self, loop: DecodeLoop) -> None:
        if self._loop is loop:
            self._loop = self._backend = None

    def _prepare(self, backend: Backend, job: Job) -> TokenSequence:
        """Whatever is wrong with the job is found here."""
        if job.seed is not None and job.seed not in SEEDS:
            raise BadRequest("The seed must be a 64-bit integer.", param="seed")
        messages, continued = split_continued(job.messages, job.continue_final)
        tokens = self._tokens(backend, backend.render(messages, open_turn=True) + continued)
        room = self._options.context_tokens - len(tokens)
        limit = room if job.max_tokens is None else min(job.max_tokens, room)
        wants_logprob = job.mean_logprob or job.top_logprobs is not None
        return TokenSequence(
            tokens,
            limit,
            backend.sampler(job),
            wants_logprob=wants_logprob,
            top_logprobs=job.top_logprobs or 0,
            priority=job.priority,
        )

    def _to_hold(self, backend: Backend, messages: Sequence[WireMessage]) -> TokenSequence:
        rendered = backend.render(messages, open_turn=False)
        text = cut_after(rendered, str(messages[-1].get("content") or "") if messages else "")
        return TokenSequence(self._tokens(backend, text), limit=0, urgency=Urgency.WARM)

    def _tokens(self, backend: Backend, text: str) -> list[int]:
        try:
            tokens = backend.tokenize(text)
        except UnicodeEncodeError as error:
            raise BadRequest(f"The messages are no valid Unicode: {error}", param="messages") from error
        limit = self._options.context_tokens
        if len(tokens) >= limit:
            raise ContextTooLong(limit=limit, prompt_tokens=len(tokens))
        if not tokens:
            raise BadRequest("The prompt is empty.", param="messages")
        return tokens

    async def _pieces(self, loop: DecodeLoop, order: Order) -> AsyncIterator[Piece]:
        while True:
            piece = await self._news(loop, order)
            if piece is not None:
                yield piece
            if piece is None or piece.finish_reason is not None:
                return

    async def _news(self, loop: DecodeLoop, order: Order) -> Piece | None:
        """What the decode loop tells next. Whoever waits watches over it.

        Raises:
            EngineFailed: the step failed, or hangs; in the latter case the engine is loaded afresh.
        """
        news: News
        while True:
            with anyio.move_on_after(self._hung_s):
                news = await order.news.get()
                break
            if loop.hung_for() >= self._hung_s:
                if self._loop is loop:
                    log.error("a step of the model has hung for %.0f s: loading it afresh", loop.hung_for())
                    self._leave_behind(loop)
                    await self.load()
                raise EngineFailed("The engine hung and was restarted.")
        if isinstance(news, EngineFailed):
            raise news
        return news
