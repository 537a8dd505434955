"""An EMULATED upstream on a real socket: OpenAI's protocol in front, the pure engine model behind, a link between.

There is no model: what it writes is made up, as long as its author decides. It keeps its own lag, the time by which
steps ended late because this machine was busy; figures taken with a large lag are worth nothing.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from edge_agent.protocol import CHAT_PATH, CONTINUE_FIELD, LEG_HEADER, LEVEL_HEADER, MODELS_PATH, WARM_PATH
from picegate.core.usage import LegKind
from picegate.testbed.emulated.author import Asked, Author, Draft
from picegate.testbed.emulated.engine import Engine, Progress, Sequence
from picegate.testbed.emulated.faults import Fate, Faults
from picegate.testbed.emulated.http import Exchange, HttpServer
from picegate.testbed.emulated.link import Link
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.tokens import prompt_tokens

STATS_PATH = "/testbed/stats"
LATE_S = 0.02  # a step that ended so much later than due counts as late
CREATED = 1_750_000_000


@dataclass(slots=True)
class LegTokens:
    """What calls of one kind of leg have consumed."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0


@dataclass(slots=True)
class Lag:
    """How late steps ended, seconds."""

    steps: int = 0
    late: int = 0
    worst_s: float = 0.0
    sum_s: float = 0.0

    def note(self, late_s: float) -> None:
        self.steps += 1
        self.sum_s += late_s
        self.late += late_s > LATE_S
        self.worst_s = max(self.worst_s, late_s)


@dataclass(slots=True, eq=False)
class _Call:
    """One answer on its way."""

    exchange: Exchange
    leg: str
    sequence: Sequence
    draft: Draft
    streamed: bool
    fate: Fate
    number: int
    sent: int = 0  # tokens handed to the link


@dataclass(slots=True)
class Stats:
    """Everything an emulated upstream tells of itself."""

    name: str
    slots: int
    work: Mapping[str, float]
    lag: Mapping[str, float]
    legs: Mapping[str, Mapping[str, int]]
    refused: int = 0
    died: int = 0
    stalled: int = 0
    muted: int = 0


class EmulatedServer:
    """Use it as an async context manager; then `url` (ending in /v1) answers.

    Args:
        tokens_per_chunk: tokens of one streamed chunk from the second on; the first goes alone.
        seed: of jitter and faults.
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        author: Author,
        *,
        faults: Faults | None = None,
        tokens_per_chunk: int = 1,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.profile = profile
        self.engine = Engine(profile.engine)
        self.lag = Lag()
        self.legs: dict[str, LegTokens] = {}
        self.faults = faults or Faults()
        self.engine.slowness = self.faults.slowness
        self._author = author
        self._per_chunk = tokens_per_chunk
        self._rng = Random(f"{seed}/{name}")  # noqa: S311 (an experiment's own chance)
        self._up = Link(profile.link, self._rng)
        self._down = Link(profile.link, self._rng)
        self._calls: dict[Sequence, _Call] = {}
        self._fates = {"refuse": 0, "die": 0, "stall": 0, "mute": 0}
        self._timer: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._numbers = 0
        self.root = ""

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    async def __aenter__(self) -> "EmulatedServer":
        loop = asyncio.get_running_loop()
        self._loop = loop
        own = socket.create_server(("127.0.0.1", 0), backlog=1024)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
        self._server = await loop.create_server(lambda: HttpServer(self._arriving), sock=own)
        host, port = own.getsockname()
        self.root = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for call in list(self._calls.values()):
            call.exchange.abort()

    def stats(self) -> Stats:
        return Stats(
            self.name,
            self.profile.engine.slots,
            asdict(self.engine.work),
            asdict(self.lag),
            {leg: asdict(tokens) for leg, tokens in self.legs.items()},
            self._fates["refuse"],
            self._fates["die"],
            self._fates["stall"],
            self._fates["mute"],
        )

    # A request comes over the link.

    def _arriving(self, exchange: Exchange) -> None:
        if exchange.path == STATS_PATH:
            exchange.reply(200, json.dumps(asdict(self.stats())).encode())
        else:
            at = self._up.arrival(self._loop.time(), len(exchange.body))
            self._loop.call_at(at, self._route, exchange)

    def _route(self, exchange: Exchange) -> None:
        if exchange.over:
            return
        if exchange.path == MODELS_PATH:
            entry = {"id": self.profile.name, "object": "model", "created": CREATED, "owned_by": "testbed"}
            self._answer(exchange, 200, {"object": "list", "data": [entry]})
            return
        try:
            body = json.loads(exchange.body)
            messages = [(str(message["role"]), _text(message.get("content"))) for message in body["messages"]]
        except (ValueError, KeyError, TypeError):
            self._answer(exchange, 400, _error("not a chat completion request"))
            return
        if exchange.path == WARM_PATH:
            self._warm(exchange, messages)
        elif exchange.path == CHAT_PATH:
            self._chat(exchange, body, messages)
        else:
            self._answer(exchange, 404, _error("no such path"))

    def _warm(self, exchange: Exchange, messages: list[tuple[str, str]]) -> None:
        """Only while a slot is free, as our agent does it: warming must not keep real work waiting."""
        self._step()
        if len(self.engine.live) + len(self.engine.queue) >= self.profile.engine.slots:
            self._answer(exchange, 429, _error("all slots are busy; nothing was warmed"))
            return
        self._submit(exchange, LegKind.WARM, messages, Draft([], 1.0, "stop", 0), "well", streamed=False)

    def _chat(self, exchange: Exchange, body: Mapping[str, Any], messages: list[tuple[str, str]]) -> None:
        leg = exchange.headers.get(LEG_HEADER, "")
        fate = self.faults.fate(self._rng)
        if fate != "well":
            self._fates[fate] += 1
        if fate == "refuse":
            self._answer(exchange, 503, _error("refused by an injected fault"))
            return
        level = exchange.headers.get(LEVEL_HEADER, "")
        if not body.get(CONTINUE_FIELD) and messages and messages[-1][0] == "assistant" and not self._author.is_cloud:
            body = {**body, CONTINUE_FIELD: True}  # llama-server goes on from an assistant's text unasked
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        asked = Asked(leg, int(level) if level.isdigit() else 0, messages, limit)
        self._submit(exchange, leg, messages, self._author.draft(asked), fate, streamed=bool(body.get("stream")))

    def _submit(
        self, exchange: Exchange, leg: str, messages: list[tuple[str, str]], draft: Draft, fate: Fate, *, streamed: bool
    ) -> None:
        sequence = Sequence(prompt_tokens(messages), draft.tokens)
        now = self._step()
        try:
            self.engine.submit(sequence, now)
        except ValueError as error:
            self._answer(exchange, 400, _error(str(error), "context_length_exceeded"))
            return
        self._numbers += 1
        call = self._calls[sequence] = _Call(exchange, leg, sequence, draft, streamed, fate, self._numbers)
        exchange.on_gone = lambda: self._gone(call)
        self._arm()

    def _gone(self, call: _Call) -> None:
        """The client has left; the engine learns of it after half a round trip."""
        self._loop.call_later(self._up.delay_s, self._cancel, call)

    def _cancel(self, call: _Call) -> None:
        self._step()
        if self._calls.pop(call.sequence, None) is not None:
            self.engine.cancel(call.sequence)
            self._count(call)
        self._arm()

    # The engine's time goes by.

    def _arm(self) -> None:
        ends = self.engine.ends
        if self._timer is not None:
            if self._timer.when() == ends and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(ends, self._due) if ends is not None else None

    def _due(self) -> None:
        if (ends := self.engine.ends) is not None:
            self.lag.note(max(0.0, self._loop.time() - ends))
        self._step()
        self._arm()

    def _step(self) -> float:
        """Let the engine catch up with the clock, and send what it wrote. Returns the time now."""
        now = self._loop.time()
        ends = self.engine.ends
        # The loop calls timers up to its clock's resolution early.
        happened = self.engine.advance(max(now, ends) if ends is not None and ends - now < 1e-6 else now)
        for progress in happened:
            self._tell(progress)
        return max(now, happened[-1].at if happened else now)

    def _tell(self, progress: Progress) -> None:
        call = self._calls.get(progress.sequence)
        if call is None:
            return
        sequence = progress.sequence
        if sequence.done:
            del self._calls[sequence]
            self._count(call)
        if call.leg == LegKind.WARM:
            held = {"tokens": len(sequence.prompt), "cached": sequence.cached}
            self._answer(call.exchange, 200, held)
        elif call.streamed:
            self._stream(call, progress.at)
        elif sequence.done:
            self._answer(call.exchange, 200, _completion(self._id(call), self.profile.name, call))

    def _stream(self, call: _Call, at: float) -> None:
        written, whole = call.sequence.written, call.sequence.done
        if call.fate == "mute":
            return
        if not whole and call.sent and written - call.sent < self._per_chunk:
            return
        if call.fate in ("die", "stall") and written * 2 >= call.draft.tokens:
            if call.fate == "die":
                self._later(at, 0, call.exchange.abort)
                self._cancel(call)
            return
        text = call.draft.text(call.sent, written)
        if not text and not whole:
            return  # the first token of a word
        call.sent = written
        data = _frame(self._id(call), self.profile.name, {"content": text}) if text else b""
        if whole:
            data += _ending(self._id(call), self.profile.name, call)
        self._later(at, len(data), call.exchange.write, data)
        if whole:
            self._later(at, 0, call.exchange.end)

    def _answer(self, exchange: Exchange, status: int, data: Mapping[str, Any]) -> None:
        body = json.dumps(data).encode()
        self._later(self._loop.time(), len(body), exchange.reply, status, body)

    def _later(self, sent: float, size: int, act: Callable[..., None], *args: Any) -> None:
        """Do something at the other end of the link, once `size` bytes sent at `sent` have arrived there."""
        at = self._down.arrival(sent, size)
        self._loop.call_at(at, act, *args)

    def _count(self, call: _Call) -> None:
        of = self.legs.setdefault(call.leg or "none", LegTokens())
        of.calls += 1
        of.prompt += len(call.sequence.prompt)
        of.cached += call.sequence.cached or 0
        of.completion += call.sequence.written

    def _id(self, call: _Call) -> str:
        return f"chatcmpl-emulated-{self.name}-{call.number}"


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": f"{message} (emulated)", "type": "emulated_error", "param": None, "code": code}}


def _chunk(number: str, model: str, **fields: Any) -> dict[str, Any]:
    return {"id": number, "object": "chat.completion.chunk", "created": CREATED, "model": model, **fields}


def _frame(number: str, model: str, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps(_chunk(number, model, choices=choices)).encode() + b"\n\n"


def _usage(call: _Call) -> dict[str, Any]:
    prompt, written = len(call.sequence.prompt), call.sequence.written
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": call.sequence.cached or 0},
    }


def _ending(number: str, model: str, call: _Call) -> bytes:
    usage = json.dumps(_chunk(number, model, choices=[], usage=_usage(call))).encode()
    return _frame(number, model, {}, call.draft.finish_reason) + b"data: " + usage + b"\n\ndata: [DONE]\n\n"


def _completion(number: str, model: str, call: _Call) -> dict[str, Any]:
    message = {"role": "assistant", "content": call.draft.text(0, call.draft.tokens).rstrip(), "refusal": None}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": call.draft.finish_reason}]
    return _chunk(number, model, choices=choices, usage=_usage(call)) | {"object": "chat.completion"}
