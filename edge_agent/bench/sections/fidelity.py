"""Whether sharing and batching change what the model says: against the model alone, one prompt after another.

On the weights as they are packed in the file; what repacking them changes besides is told apart.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.bench import texts
from edge_agent.bench.ask import Answer
from edge_agent.bench.bars import Bar
from edge_agent.bench.crew import Crew
from edge_agent.bench.peers.reference import Alone
from edge_agent.bench.scale import Scale, Tick

TOKENS = 16
TOP = 20  # alternatives compared at the first place
AT_ONCE = 24
NEAR_TIE = 0.5  # nats between the two likeliest tokens
# The arithmetic differs with the shape of a batch: in llama.cpp itself a prompt read whole has other logprobs than one
# read in two parts, alone as it is. More than half as much again is no noise.
OF_NOISE = 1.5


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Differences of logprobs in nats, over the `TOP` likeliest first tokens of every prompt.

    Attributes:
        noise_largest, noise_mean: of the model alone, read whole against read in two parts.
        other_prompts: prompts whose number of tokens differs from the model's own reading.
        shared: answers that found tokens in the engine's memory.
        texts_differ: greedy texts that part from the model's own; `not_at_ties` of them where it was no near-tie.
        repacked: the same of the engine as it is, where it repacks the weights.
    """

    prompts: int
    largest: float
    mean: float
    noise_largest: float
    noise_mean: float
    other_prompts: int
    shared: int
    texts_differ: int
    not_at_ties: int
    repacked: "Fidelity | None" = None

    @property
    def bars(self) -> list[Bar]:
        noise = "alone, in two parts:"
        parted = f"{self.texts_differ} of {self.prompts} greedy texts part"
        return [
            Bar(
                "first-token logprobs, largest difference",
                self.largest,
                OF_NOISE * self.noise_largest,
                False,
                _than(noise, self.noise_largest),
            ),
            Bar(
                "first-token logprobs, mean difference",
                self.mean,
                OF_NOISE * self.noise_mean,
                False,
                _than(noise, self.noise_mean),
            ),
            Bar("greedy texts that part elsewhere than at a near-tie", self.not_at_ties, 0, remark=parted),
            Bar("prompts read as other tokens than alone", self.other_prompts, 0),
        ]


def measure(crew: Crew, scale: Scale, tick: Tick) -> Fidelity:
    mark = texts.mark(random.Random())  # noqa: S311 (unlike any run before)
    asks = texts.spaced(texts.questions(scale.prompts, TOKENS, TOP, texts.CAREFUL), mark)
    seen: list[list[Answer]] = []
    for side in (crew.as_packed, crew.engine):
        seen.append([])
        for start in range(0, len(asks), AT_ONCE):
            tick(f"{len(asks)} prompts together, {side.name}", 0.15 * (len(seen) - 1 + start / len(asks)))
            seen[-1] += side.run(asks[start : start + AT_ONCE]).answers
    alone: list[Alone] = []
    for number, ask in enumerate(asks):
        tick(f"prompt {number + 1} alone", 0.3 + 0.7 * number / len(asks))
        alone.append(crew.reference.ask("alone", ask, TOP))
    return replace(compare(seen[0], alone), repacked=compare(seen[1], alone))


def compare(answers: Sequence[Answer], alone: Sequence[Alone]) -> Fidelity:
    pairs = list(zip(answers, alone, strict=True))
    differences = [
        abs(logprob - single.first[token])
        for answer, single in pairs
        for token, logprob in answer.steps[0].top
        if token in single.first
    ]
    partings = [gap for answer, single in pairs if (gap := parting(answer, single)) is not None]
    return Fidelity(
        prompts=len(pairs),
        largest=max(differences),
        mean=statistics.mean(differences),
        noise_largest=max(single.noise[0] for single in alone),
        noise_mean=statistics.mean(single.noise[1] for single in alone),
        other_prompts=sum(answer.prompt_tokens != single.prompt_tokens for answer, single in pairs),
        shared=sum(answer.cached > 0 for answer in answers),
        texts_differ=len(partings),
        not_at_ties=sum(gap >= NEAR_TIE for gap in partings),
    )


def parting(answer: Answer, alone: Alone) -> float | None:
    """Where the two greedy texts part: the gap between the model's two likeliest tokens there. None: they do not."""
    for mine, other in zip(answer.steps, alone.steps, strict=False):
        if mine.token != other.token:
            return other.gap
    longer = alone.steps[len(answer.steps) : len(answer.steps) + 1]
    return longer[0].gap if longer else None


def _than(what: str, figure: float) -> str:
    return f"{what} {figure:.3g}"
