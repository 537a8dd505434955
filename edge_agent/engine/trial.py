"""One measurement of an engine through its port, so that it works for every engine.

Prompts are written for the purpose and answers thrown away. What an engine keeps of them stays in its prefix cache
until the room is needed: some 256 tokens per prefill, and one short prompt that all decodes share.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from edge_agent.engine.port import Counts, Engine, Job

PROMPT_WORDS = 220  # about 256 tokens with what a chat template adds
ANSWER_TOKENS = 24
FEWEST_READ = 32  # prompt tokens; reading fewer is over before it can be measured
FEWEST_STEPS = 4  # in which all answers take part
WARM_UP_TOKENS = 4
SEED = 1
# Common short words, most of them one token in any vocabulary.
COMMON = (
    "time year people way day man thing woman life child world school state family student group country problem hand "
    "part place case week company system program question work number night point home water room mother area money "
    "story fact month lot right study book eye job word business issue side kind head house service friend father "
    "power hour game line end member law car city name team"
)
WORDS = COMMON.split()

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Written:
    """One answer.

    Attributes:
        times: when its pieces of text came, seconds.
        tokens: in all of them.
        read: tokens of the prompt that were not held already.
    """

    times: tuple[float, ...]
    tokens: int
    read: int = 0


def together(answers: Sequence[Written]) -> float | None:
    """Tokens/s of all answers together, while all of them were being written.

    That is from the last first piece to the earliest last piece. A piece may hold several tokens (characters are never
    cut), so that pieces are counted and weighed with the answer's own mean. None: the answers hardly overlapped.
    """
    start = max(answer.times[0] for answer in answers)
    end = min(answer.times[-1] for answer in answers)
    counts = [sum(start < time <= end for time in answer.times) for answer in answers]
    if end <= start or min(counts) < FEWEST_STEPS:
        return None
    tokens = sum(count * a.tokens / len(a.times) for count, a in zip(counts, answers, strict=True))
    return tokens / (end - start)


async def warm_up(engine: Engine) -> None:
    """The first answer of an engine reads the weights from the disk, and is no measure."""
    await _write(engine, _story(WARM_UP_TOKENS), lambda: 0.0)


async def prefill(engine: Engine, draw: random.Random, clock: Clock) -> float | None:
    """Tokens/s at which a prompt is read that shares no beginning with any other. None: the context is too short."""
    words = min(PROMPT_WORDS, engine.info.context_tokens // 4)
    text = " ".join(draw.choice(WORDS) for _ in range(words))
    began = clock()
    written = await _write(engine, Job(({"role": "user", "content": text},), max_tokens=1, ignore_eos=True), clock)
    seconds = clock() - began
    return written.read / seconds if written.read >= FEWEST_READ and seconds > 0 else None


async def decode(engine: Engine, sequences: int, clock: Clock, tokens: int = ANSWER_TOKENS) -> float | None:
    """Tokens/s of `sequences` answers together, each `tokens` long. None: they hardly ran at the same time."""
    answers: list[Written] = []

    async def write(seed: int) -> None:
        answers.append(await _write(engine, _story(tokens, seed), clock))

    async with anyio.create_task_group() as group:
        for number in range(sequences):
            group.start_soon(write, SEED + number)
    return together(answers) if all(answer.times for answer in answers) else None


async def _write(engine: Engine, job: Job, clock: Clock) -> Written:
    times: list[float] = []
    counts = Counts(0, 0)
    async with engine.generate(job) as pieces:
        async for piece in pieces:
            if piece.text:
                times.append(clock())
            counts = piece.counts or counts
    return Written(tuple(times), counts.completion, counts.prompt - counts.cached)


def _story(tokens: int, seed: int = SEED) -> Job:
    """Sampled as answers are by default, since that takes time too. The same prompt for all: it is read once."""
    return Job(({"role": "user", "content": "Tell a story."},), max_tokens=tokens, seed=seed, ignore_eos=True)
