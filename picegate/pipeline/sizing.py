"""The points of one answer as their lines close: which are cut, and which are written in one leg."""

from picegate.core.plan import Plan
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_chat_tokens
from picegate.core.usage import LegEnd, LegKind
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Run
from picegate.planning.options import EDGE_INSTRUCTION_TOKENS, WEIGHTS
from picegate.planning.planner import PASSAGE_TOKENS
from picegate.planning.sizing import LEAST_PART_WORDS, MOST_SHARED_NOTES, MOST_SHARED_WORDS, Moment, parts, shared
from picegate.planning.survey import survey
from picegate.sketch.clauses import cut, joined, separable
from picegate.sketch.prompts import passage_tokens
from picegate.sketch.scripts import Language


class Sizing:
    """`warmed`: ids of nodes that have read the question, as they become known."""

    def __init__(self, run: Run, plan: Plan, outside: Outside, language: Language, warmed: set[str]) -> None:
        self._run = run
        self._plan = plan
        self._outside = outside
        self._language = language
        self._warmed = warmed
        self._prompt_tokens = estimate_chat_tokens([message.text for message in run.ask.messages])

    def cut(self, point: Point) -> tuple[Point, ...]:
        """The point, or its parts in reading order where the answer would end sooner with them."""
        if not self._plan.resizing or point.words < 2 * LEAST_PART_WORDS:
            return (point,)
        most = separable(point)
        if most < 2:
            return (point,)
        size = parts(passage_tokens(point, self._language), point.words, most, self._moment())
        return cut(point, size.legs)

    def may_share(self, point: Point) -> bool:
        """Whether it could be written with a neighbour at all: a plain, short paragraph that depends on nothing."""
        plain = not (point.depends or point.prefix or point.follows)
        return self._plan.resizing and plain and point.words < MOST_SHARED_WORDS

    def share(self, first: Point, second: Point) -> Point | None:
        """Both as one point for one leg; None where two legs are better. The first still waits for its slot."""
        if not self.may_share(second) or first.words + second.words > MOST_SHARED_WORDS:
            return None
        both = joined(first, second)
        if len(both.notes) > MOST_SHARED_NOTES:
            return None
        ahead, own = passage_tokens(first, self._language), passage_tokens(second, self._language)
        return both if shared(ahead, own, self._moment(coming=1)).legs == 1 else None

    def _moment(self, coming: int = 0) -> Moment:
        """`coming`: points among those that have no slot yet which the decision is about."""
        outside, tally = self._outside, self._run.tally
        cloud = outside.cloud.view()
        plan, context_tokens = self._plan, self._prompt_tokens + PASSAGE_TOKENS
        seen = survey(outside.fleet.view(), context_tokens, lambda _: plan.weak, plan.stake_s)
        now = self._run.elapsed()
        open_ones = [one for one in tally.passages if one.done_s is None and one.within is None]
        begun = sum(leg.end is LegEnd.OPEN and leg.kind in (LegKind.EXPAND, LegKind.HEDGE) for leg in tally.legs)
        chosen = plan.chosen
        sketch = self._run.owed.cloud - (chosen.again_cloud if chosen is not None else 0.0)
        word_s = passage_tokens(Point(0, "", 1), self._language) * seen.pace.token_s(seen.batch + 1)
        rest = [one.opened_s + seen.pace.first_s + one.words * word_s - now for one in open_ones]
        return Moment(
            fleet=seen,
            market=outside.strategist.market(cloud, seen),
            free=seen.free - max(len(open_ones) - begun - coming, 0),
            prompt_tokens=self._prompt_tokens + EDGE_INSTRUCTION_TOKENS,
            warmed=bool(self._warmed),
            rest_s=max(0.0, sketch * outside.strategist.cloud_token_s(cloud), *rest),
            price_weight=WEIGHTS[plan.service].prices,
        )
