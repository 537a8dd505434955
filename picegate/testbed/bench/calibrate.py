"""A profile measured on a running agent, and the proof that its emulation agrees with it on one small load."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from urllib.parse import urlsplit

import httpx2

from picegate.core.errors import ConfigError
from picegate.testbed.bench.reader import Heard, read_answer
from picegate.testbed.emulated.author import Author
from picegate.testbed.emulated.profile import MS, EngineProfile, LinkProfile, Profile
from picegate.testbed.emulated.questions import Question, Questions
from picegate.testbed.emulated.server import EmulatedServer
from picegate.testbed.emulated.tokens import prompt_tokens
from picegate.testbed.emulated.wording import notes

AGREEMENT = 0.15  # by which mean latencies may differ
LONG_WORDS = 100  # of the prompt that prefill is measured with: of the length that the rate is then used for
FEWEST_TOKENS = 8  # an answer shorter than that says little of the step
LOAD_WORDS = 60  # of each prompt of the load that agent and emulation are compared on
REPEATS = 3
TALKATIVE = (
    "Count aloud from one to five hundred in words, without leaving out a number, and never stop before the end."
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An OpenAI-compatible server, by its root URL and the first model that it names."""

    root: str
    model: str


def agent_at(url: str) -> Agent:
    """Raises ConfigError where nothing answers there as OpenAI does."""
    root = url.rstrip("/").removesuffix("/v1")
    try:
        reply = httpx2.get(f"{root}/v1/models", trust_env=False, timeout=10.0)
        return Agent(root, reply.raise_for_status().json()["data"][0]["id"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"no agent answers at {url}: {error}") from error


@dataclass(frozen=True, slots=True)
class Measured:
    """Step times in ms by the number of sequences, the line through them, and the prefill rate in emulated tokens."""

    steps_ms: dict[int, float]
    base_ms: float
    per_sequence_ms: float
    prefill_tokens_per_s: float

    def profile(self, slots: int, context_tokens: int = 4096) -> EngineProfile:
        return EngineProfile(
            base_ms=self.base_ms,
            per_sequence_ms=self.per_sequence_ms,
            slots=slots,
            prefill_tokens_per_s=self.prefill_tokens_per_s,
            kv_tokens=slots * context_tokens,
            context_tokens=context_tokens,
            prefill_chunk=128,
            block=1,
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """Mean and worst latency, seconds, and tokens a second over one load, on the agent and on its emulation."""

    agent: tuple[float, float, float]
    emulated: tuple[float, float, float]

    @property
    def differences(self) -> tuple[float, float, float]:
        """Of each figure: emulated over agent, less one."""
        mean_s, worst_s, rate = (theirs / ours - 1 for ours, theirs in zip(self.agent, self.emulated, strict=True))
        return mean_s, worst_s, rate

    @property
    def holds(self) -> bool:
        return all(abs(difference) <= AGREEMENT for difference in self.differences)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(intercept, slope) of the least-squares line; a slope below a thousandth is taken as that."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    spread = sum((x - mean(xs)) ** 2 for x in xs)
    slope = sum((x - mean(xs)) * (y - mean(ys)) for x, y in points) / spread if spread else 0.0
    slope = max(slope, 1e-3)
    return max(0.0, mean(ys) - slope * mean(xs)), slope


async def measure(agent: Agent, slots: int, *, tokens: int = 48) -> Measured:
    """Measure the agent in real time; it must be idle otherwise.

    Raises:
        ConfigError: it does not answer, or its answers are too short to be timed.
    """
    batches = sorted({1, *(b for b in (2, 4, 8, 16) if b < slots), slots})
    steps: dict[int, float] = {}
    for batch in batches:
        seen: list[float] = []
        for turn in range(REPEATS):
            asked = [(f"{TALKATIVE} Series {batch}, {turn}, {number}.", tokens) for number in range(batch)]
            for heard in await _together(agent, asked, [0.0] * batch):
                written = heard.usage.get("completion_tokens", 0)
                if written >= FEWEST_TOKENS and len(heard.moments) > 1:
                    seen.append((heard.moments[-1] - heard.moments[0]) / (written - 1) / MS)
        if not seen:
            raise ConfigError(f"{agent.root}: answers are shorter than {FEWEST_TOKENS} tokens, too short to be timed")
        steps[batch] = median(seen)
    base, per = line([(float(batch), step) for batch, step in steps.items()])
    return Measured(steps, base, per, await _prefill(agent))


async def _prefill(agent: Agent) -> float:
    rates = []
    for turn in range(REPEATS):
        text = "".join(notes(LONG_WORDS, f"prefill/{turn}/{time.time()}"))
        (heard,) = await _together(agent, [(text, 1)], [0.0])
        rates.append(len(prompt_tokens([("user", text)])) / heard.latency_s)
    return median(rates)


async def agree(agent: Agent, profile: EngineProfile, *, requests: int = 12, tokens: int = 40) -> Agreement:
    """One small load on the agent, then on its emulation, whose answers are made as long as the agent's were."""
    step_s = profile.step_s(profile.slots, 0)
    pace_s = tokens * step_s / profile.slots * 1.2  # about four fifths of what it can do
    moments = [number * pace_s for number in range(requests)]
    # The kind of text that prefill was measured with, so that its words are as many tokens; none begin alike.
    asked = [(f"{''.join(notes(LOAD_WORDS, f'load/{number}'))}Go on.", tokens) for number in range(requests)]
    ours = await _together(agent, asked, moments)
    again = [(text, max(1, heard.usage["completion_tokens"])) for (text, _), heard in zip(asked, ours, strict=True)]
    author = Author(Questions([_ENDLESS]), is_cloud=False)
    marked = [(f"{text} [emulated question {_ENDLESS.id}]", written) for text, written in again]
    device = Profile("calibrated", "calibrated", "edge", profile, LinkProfile(rtt_ms=0.0))
    async with EmulatedServer("calibrated", device, author) as server:
        theirs = await _together(Agent(server.root, device.name), marked, moments)
    return Agreement(_figures(ours), _figures(theirs))


_ENDLESS = Question("endless", "generic", "", cloud_words=10_000, edge_words=10_000)


async def _together(agent: Agent, asked: Sequence[tuple[str, int]], moments: Sequence[float]) -> list[Heard]:
    """Ask (text, max_tokens) at their moments, and read all answers.

    Raises:
        ConfigError: one of them failed.
    """
    parts = urlsplit(agent.root)
    host, port = str(parts.hostname), int(parts.port or 80)
    loop = asyncio.get_running_loop()
    began = loop.time()
    heard = [Heard(began + moment, text) for (text, _), moment in zip(asked, moments, strict=True)]

    async def ask(one: Heard, limit: int) -> None:
        await asyncio.sleep(max(0.0, one.due - loop.time()))
        body = {
            "model": agent.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": limit,
            "temperature": 0.0,
            "messages": [{"role": "user", "content": one.question}],
        }
        await read_answer(host, port, body, one)

    async with asyncio.TaskGroup() as group:
        for one, (_, limit) in zip(heard, asked, strict=True):
            group.create_task(ask(one, limit))
    for one in heard:
        if not one.whole:
            raise ConfigError(f"{agent.root}: {one.error or 'no answer'}")
    return heard


def _figures(heard: Sequence[Heard]) -> tuple[float, float, float]:
    latencies = [one.latency_s for one in heard]
    span = max(one.due + one.latency_s for one in heard) - heard[0].due
    return mean(latencies), max(latencies), sum(one.usage["completion_tokens"] for one in heard) / span
