"""The real pipeline on virtual time: a loop whose clock jumps to the next timer, and upstreams that are only a speed.

Minutes of traffic pass in a second or two, always in the same way. Cloud and edges decode as continuous-batching
engines do: a step takes `base + slope * batch` seconds and gives every sequence one token. The gate, the slots, the
planner and what it learns are the gateway's own.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from selectors import BaseSelector
from typing import Any

import anyio

from picegate.clients.gate import Gate
from picegate.core.chat import Ask, Message
from picegate.core.events import Planned
from picegate.core.plan import CloudView, NodeView, Plan
from picegate.core.ports import CloudCall, Delta, EdgeCall
from picegate.core.usage import LegKind, Tokens
from picegate.nodes.lifecycle import Registry
from picegate.pipeline.answer import Pipeline
from picegate.pipeline.outside import Outside
from picegate.pipeline.strategist import Strategist
from picegate.settings import FleetSettings, PlannerSettings, ProgressiveSettings, StaticNodeSettings

TOKENS_PER_WORD = 1.35
CHUNK = 12  # tokens that come at once: fewer events, and the same times
SKETCHES = {1: (37, 22), 2: (18, 15), 3: (12, 9)}  # words of the cloud's own text, and of a delegation line

LIST, STORY, CODE = "What are the main causes of {}?", "Write a story about {}", "Write a Python function for {}"
_WORDS = ["".join(random.Random(n).choices("abcdefghijklmnop", k=4)) for n in range(3000)]


class JumpingLoop(asyncio.SelectorEventLoop):
    """Never waits: where nothing is ready, its time is set to that of the next timer."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()
        self._selector: Any = _Jumper(self._selector, self)

    def time(self) -> float:
        return self.now


class _Jumper:
    def __init__(self, selector: BaseSelector, loop: JumpingLoop) -> None:
        self._selector = selector
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.now += timeout or 0.0
        return self._selector.select(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


@dataclass
class Engine:
    base_s: float
    slope_s: float
    prefill_tokens_per_s: float
    trip_s: float
    batch: int = 0

    async def write(self, text: str, prompt_tokens: int) -> AsyncIterator[Delta]:
        tokens = max(1, round(len(text.split()) * TOKENS_PER_WORD))
        self.batch += 1
        try:
            await anyio.sleep(self.trip_s + prompt_tokens / self.prefill_tokens_per_s)
            for done in range(0, tokens, CHUNK):
                size = min(CHUNK, tokens - done)
                await anyio.sleep(size * (self.base_s + self.slope_s * self.batch))
                yield Delta(text[len(text) * done // tokens : len(text) * (done + size) // tokens])
            yield Delta(finish_reason="stop", tokens=Tokens(prompt_tokens, tokens))
        finally:
            self.batch -= 1


@dataclass(frozen=True)
class Traffic:
    """One question: its kind's template and the words of its answer."""

    kind: str
    words: int


class VirtualCloud:
    def __init__(self, engine: Engine, places: int, asked: Mapping[str, Traffic]) -> None:
        self._engine = engine
        self._gate = Gate(places, 1000, 300.0)
        self._asked = asked
        self._dice = random.Random(1)

    def view(self) -> CloudView:
        gate = self._gate
        return CloudView(
            model="big", in_flight=gate.in_flight, queued=gate.queued, limit=gate.limit, waiting=gate.waiting
        )

    @asynccontextmanager
    async def stream(self, call: CloudCall) -> AsyncIterator[AsyncIterator[Delta]]:
        async with self._gate.place(call.tokens, call.patience_s):
            if call.placed is not None:
                call.placed(self._gate.in_flight)
            yield self._engine.write(self._answer(call), 60)

    @asynccontextmanager
    async def relay(self, call: CloudCall) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.stream(call) as deltas:
            yield _chunks(deltas)

    async def complete(self, call: CloudCall) -> dict[str, Any]:
        raise NotImplementedError("all virtual traffic is streamed")

    def _answer(self, call: CloudCall) -> str:
        of = self._asked[call.request_id]
        if call.kind is LegKind.SKETCH and of.kind != CODE and of.words >= 80:
            own, line = SKETCHES[call.level or 1]
            points = max(2, min(8, round(of.words / 60)))
            size, mark = (of.words - own, "+") if of.kind == STORY else ((of.words - own) // points, "")
            count, length = (1, line * points) if of.kind == STORY else (points, line)
            lines = "".join(f">>{size}{mark} {words(self._dice, length - 1)}\n" for _ in range(count))
            return f"{words(self._dice, own * 0.6)}\n{lines}{words(self._dice, own * 0.4)}"
        return words(self._dice, 60 if call.kind in (LegKind.HEDGE, LegKind.EXPAND) else of.words)


async def _chunks(deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
    async for delta in deltas:
        content = {"content": delta.text} if delta.text else {}
        chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": content, "finish_reason": delta.finish_reason}]}
        if delta.tokens is not None:
            chunk["usage"] = {"prompt_tokens": delta.tokens.prompt, "completion_tokens": delta.tokens.completion}
        yield json.dumps(chunk).encode()


class VirtualEdge:
    def __init__(self, engines: Mapping[str, Engine], asked: Mapping[str, Traffic]) -> None:
        self._engines = engines
        self._asked = asked
        self._dice = random.Random(2)

    @asynccontextmanager
    async def stream(self, node: NodeView, call: EdgeCall) -> AsyncIterator[AsyncIterator[Delta]]:
        size = self._asked[call.request_id].words
        if call.kind is not LegKind.EDGE and call.max_tokens is not None:  # the budget, undone: see `sketch.prompts`
            size = round((call.max_tokens - 24) / 1.6 / TOKENS_PER_WORD)
        yield self._engines[node.name].write(words(self._dice, size), 50)

    async def warm(self, node: NodeView, call: EdgeCall) -> None:
        await anyio.sleep(0.1)


def words(dice: random.Random, count: float) -> str:
    return " ".join(dice.choices(_WORDS, k=max(1, round(count))))


@dataclass
class Seen:
    """What came of the requests, without the first fifth, in which everything is still being learnt. Times in s."""

    latencies: list[float] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    errors: set[str] = field(default_factory=set)  # of legs
    cloud_tokens: int = 0
    against_plan: list[float] = field(default_factory=list)  # real finish / predicted

    def quantile(self, share: float) -> float:
        return sorted(self.latencies)[int(share * len(self.latencies))]


def traffic(seed: int) -> Iterator[Traffic]:
    """Roughly Vicuna-80's: five in eight are lists, a quarter stories, one in eight code; 40 to 500 words."""
    dice = random.Random(seed)
    while True:
        kind = dice.choice([LIST] * 5 + [STORY] * 2 + [CODE])
        yield Traffic(kind, round(min(max(dice.gauss(300 if kind == STORY else 235, 70), 40), 500)))


def ask_many(
    per_minute: float, nodes: int, *, seed: int = 1, requests: int = 200, edge_s: float = 0.036, **planner: Any
) -> Seen:
    """Poisson arrivals at the headline's cloud (70B class, 16 places) with so many edge nodes (7B, Orin, 8 slots)."""
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(_ask_many(loop, per_minute, nodes, seed, requests, edge_s, planner))
    finally:
        loop.close()


async def _ask_many(
    loop: JumpingLoop, per_minute: float, nodes: int, seed: int, requests: int, edge_s: float, planner: dict[str, Any]
) -> Seen:
    asked: dict[str, Traffic] = {}
    names = [f"orin-{number}" for number in range(nodes)]
    cloud = VirtualCloud(Engine(0.028, 0.0009, 3000, 0.04), 16, asked)
    edge = VirtualEdge({name: Engine(edge_s, 0.003, 900, 0.005) for name in names}, asked)
    static = [StaticNodeSettings(name=name, url="http://node:1/v1", model="small", slots=8) for name in names]
    registry = Registry(FleetSettings(), static, clock=loop.time)
    limits = ProgressiveSettings()
    strategist = Strategist(limits, PlannerSettings.model_validate(planner), loop.time)
    pipeline = Pipeline(Outside(cloud, edge, registry, strategist, limits), loop.time)
    dice, seen = random.Random(seed), Seen()

    async def one(number: int, of: Traffic) -> None:
        question = of.kind.format(words(dice, 2))
        payload = {"messages": [{"role": "user", "content": question}]}
        ask = Ask(f"r{number}", "pice", (Message("user", question),), payload, stream=True)
        asked[ask.request_id] = of
        plan: Plan | None = None
        came = loop.time()
        async with pipeline.answer(ask) as run:
            async for event in run:
                strategist.listen(ask, event)
                plan = event.plan if isinstance(event, Planned) else plan
        if number >= requests // 5 and plan is not None:
            seen.latencies.append(loop.time() - came)
            seen.modes.append(plan.mode.value)
            seen.errors |= {leg.error for leg in run.tally.legs if leg.error}
            seen.cloud_tokens += sum(leg.tokens.completion for leg in run.tally.cloud_legs)
            if plan.chosen is not None:
                seen.against_plan.append((loop.time() - came) / plan.chosen.finish_s)

    async with anyio.create_task_group() as group:
        for number, of in zip(range(requests), traffic(seed), strict=False):
            await anyio.sleep(dice.expovariate(per_minute / 60))
            group.start_soon(one, number, of)
    return seen
