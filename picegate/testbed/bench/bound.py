"""The most that a cloud and its edges can do where the cloud begins every answer: a linear program over shares of
questions.

Every question is answered by one of its options (whole in the cloud, or at level 1, 2, 3); shares of each option are
free. An answer written whole by an edge is no option, though our planner gives one now and then: with edges to spare,
more than this bound is possible. Cloud and edges have so many seconds of full batches per second. With costs `c_qk`
(cloud seconds) and `e_qk` (device seconds of one edge), `n` edges and one question of each kind per round, the largest
rate is

    max X  with  X * sum_qk x_qk c_qk <= 1,  X * sum_qk x_qk e_qk <= n,  sum_k x_qk = 1,  x >= 0

By duality 1/X = max over t in [0, 1] of sum_q min_k (t c_qk + (1 - t) e_qk / n): concave and piecewise linear in t, so
its maximum lies at one of the points where two options of a question cross, and trying those is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from picegate.testbed.emulated.profile import EngineProfile
from picegate.testbed.emulated.questions import LEVELS, Question
from picegate.testbed.emulated.site import Site
from picegate.testbed.emulated.tokens import (
    TOKENS_PER_UNSPACED_WORD,
    TOKENS_PER_WORD,
    TURN_TOKENS,
    words_of,
)


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer a question: seconds of a full batch in the cloud, and of one edge."""

    cloud_s: float
    edge_s: float


@dataclass(frozen=True, slots=True)
class Bound:
    """Attributes:
    per_s: answers a second.
    cloud_only_per_s: the same with the cloud alone.
    edges: how many, in edges of full speed.
    cloud_price: the weight `t` of the cloud at the optimum; 1: the cloud's own share binds.
    """

    edges: float
    per_s: float
    cloud_only_per_s: float
    cloud_price: float

    @property
    def gain(self) -> float:
        return self.per_s / self.cloud_only_per_s


ASSUMPTIONS = (
    "batches are full, no call fails, and no time is lost between steps",
    "the cloud reads each question (and 20 tokens around it); our instructions are in its prefix cache",
    "edges read nothing: prefixes are shared and warmed (an upper bound stays one)",
    "edges write what the cloud does not: the answer less opening and closing",
    "no answer is written whole by an edge; where a planner does so with edges to spare, it can do more than the bound",
    "points = words / 60, rounded up, from 2 to 8",
)
AROUND_TOKENS = 20  # of the cloud's prompt, beside the question


def bound_of(site: Site, questions: Sequence[Question]) -> Bound:
    """The bound of a site, slow edges and long sketches counted, for questions asked equally often."""
    options = [options_of(question, site.cloud.engine, site.edge.engine, site.sketch_scale) for question in questions]
    return capacity(options, site.full_edges)


def options_of(
    question: Question, cloud: EngineProfile, edge: EngineProfile, sketch_scale: float = 1.0
) -> list[Option]:
    """Whole in the cloud, then levels 1 to 3 where a good model would delegate."""
    rate = TOKENS_PER_UNSPACED_WORD if question.japanese else TOKENS_PER_WORD
    asked = sum(len(words_of(text)) * rate + TURN_TOKENS for text in (question.text, *(t for _, t in question.history)))
    reading_s = (asked + AROUND_TOKENS) / cloud.prefill_tokens_per_s
    token_s = 1 / cloud.tokens_per_s
    options = [Option(question.cloud_words * rate * token_s + reading_s, 0.0)]
    if question.points:
        for level in (level.times(sketch_scale) for level in LEVELS.values()):
            sketch = level.sketch_words(question.points) * rate
            passages = max(0, question.cloud_words - level.own_words) * rate
            options.append(Option(sketch * token_s + reading_s, passages / edge.tokens_per_s))
    return options


def capacity(options: Sequence[Sequence[Option]], edges: float) -> Bound:
    """The bound for questions asked equally often, each with its options, the first of which is the cloud alone.

    Raises:
        ValueError: no questions.
    """
    if not options:
        raise ValueError("no questions")
    count = len(options)
    alone = count / sum(ways[0].cloud_s for ways in options)
    if not edges:
        return Bound(0, alone, alone, 1.0)
    best, weight = max((_dual(options, edges, t), t) for t in _crossings(options, edges))
    return Bound(edges, count / best, alone, weight)


def _dual(options: Sequence[Sequence[Option]], edges: float, t: float) -> float:
    return sum(min(t * way.cloud_s + (1 - t) * way.edge_s / edges for way in ways) for ways in options)


def _crossings(options: Sequence[Sequence[Option]], edges: float) -> set[float]:
    found = {0.0, 1.0}
    for ways in options:
        for index, one in enumerate(ways):
            for other in ways[index + 1 :]:
                cloud, edge = one.cloud_s - other.cloud_s, (one.edge_s - other.edge_s) / edges
                if cloud != edge and 0 < (t := edge / (edge - cloud)) < 1:
                    found.add(t)
    return found
