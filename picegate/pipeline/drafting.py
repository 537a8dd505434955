"""One candidate for one passage: a leg on an edge or in the cloud, filtered, scored, poured out or written aside."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import anyio

from picegate.assembly.merger import Merger
from picegate.assembly.passage import PassageFilter
from picegate.assembly.scoring import Candidate, Question
from picegate.core.chat import Message, Sampling, ServiceLevel
from picegate.core.errors import NodeBroken
from picegate.core.events import CLOUD, TextDelta
from picegate.core.plan import NodeView, Plan
from picegate.core.ports import CloudCall, Delta, EdgeCall, Wish
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_chat_tokens
from picegate.core.usage import LegKind
from picegate.core.value import value
from picegate.pipeline.cloud_leg import cloud_leg
from picegate.pipeline.contest import Draft, Effort
from picegate.pipeline.hedge import Try
from picegate.pipeline.node_leg import give_up_if_slow, node_leg
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run
from picegate.planning.latency import CLOUD_GUESS
from picegate.planning.options import EDGE_INSTRUCTION_TOKENS
from picegate.planning.placement import Leg as PlannedLeg
from picegate.planning.placement import leg_s, node_s
from picegate.planning.queue import PATIENCE_S
from picegate.sketch.prompts import (
    expand_messages,
    passage_budget_tokens,
    passage_tokens,
    rescue_messages,
    warm_messages,
)
from picegate.sketch.scripts import Language, language_of

REPEAT_PENALTY = 1.1  # small models loop without one (measured on SmolLM2-135M and Qwen2.5-0.5B)
EDGE_TEMPERATURE = 0.3  # where the client names none: a passage is to keep to its notes
OTHER_TEMPERATURE = 0.7  # of a further candidate of the same model: it is to be another one
CHARACTERS_PER_WORD = {Language.ENGLISH: 6.0, Language.JAPANESE: 2.0, Language.OTHER: 6.0}

SPARE_WAIT_S = 0.05  # for a slot, of who takes only one that is free
SLOT_WAIT_LEAST_S = 1.0
SURE_WORDS = 16  # of a passage, before its node is taken for slow: a stall alone does not make it seem so
LAST = (math.inf, 0)  # turn of who takes only what nobody waits for

# What a rescue leg takes over from the client's body; the rest (stop, limits, streaming) is about the whole answer.
_RESCUE_FIELDS = ("temperature", "top_p", "seed", "user", "service_tier", "reasoning_effort", "safety_identifier")

Show = Callable[[list[TextDelta]], None]


@value
class Task:
    """A passage to be written. `before`: what it goes on from; `prefer`: id of a node that holds that in its cache."""

    segment: int
    point: Point
    before: str = ""
    prefer: str | None = None


class Sheet:
    """What a candidate is written on; this one lies beside the merger.

    Attributes:
        shown: of the passage, to readers.
        effort: told how far the candidate is.
    """

    shown = ""

    def __init__(self, effort: Effort | None = None) -> None:
        self.effort = effort

    async def put(self, text: str, writer: str) -> None:
        """Nobody sees it."""


class LiveSheet(Sheet):
    """The passage's place in the merger. `may_write` is asked before every piece: another try may have been faster."""

    def __init__(self, merger: Merger, show: Show, segment: int, may_write: Callable[[], bool] = lambda: True) -> None:
        super().__init__()
        self.shown = merger.shown(segment)
        self._merger = merger
        self._show = show
        self._segment = segment
        self._may_write = may_write

    async def put(self, text: str, writer: str) -> None:
        if not self._may_write():
            await anyio.sleep_forever()  # this try is being cancelled
        self._show(self._merger.passage(self._segment, text, writer))


class Drafting:
    """Writes candidates for the passages of one answer.

    Attribute `warmed`: ids of nodes that have read the question.
    """

    def __init__(self, run: Run, plan: Plan, outside: Outside, merger: Merger, show: Show, language: Language) -> None:
        self._run = run
        self._plan = plan
        self._outside = outside
        self._merger = merger
        self._show = show
        self._language = language
        self._question = Question.of(run.ask.question, language)
        self._shared: dict[int | None, tuple[Message, ...]] = {}  # by context size
        self._sampling = edge_sampling(run.ask.sampling)
        # Read before each passage where a node has nothing of it; with a small context, without the older turns.
        self._prompt_tokens = EDGE_INSTRUCTION_TOKENS + _tokens(run.ask.messages)
        self._least_prompt_tokens = EDGE_INSTRUCTION_TOKENS + _tokens(_last_turn(run.ask.messages))
        self.warmed: set[str] = set()

    def shared(self, context_tokens: int | None) -> tuple[Message, ...]:
        """What all prompts of the answer begin with, for nodes with so large a context."""
        if context_tokens not in self._shared:
            self._shared[context_tokens] = warm_messages(
                self._run.ask.messages, language=self._language, context_tokens=context_tokens
            )
        return self._shared[context_tokens]

    def planned(self, task: Task) -> PlannedLeg:
        """What a candidate has to write, and to read before."""
        return PlannedLeg(passage_tokens(task.point, self._language), self._prompt_tokens)

    def effort(self, task: Task, node: NodeView | None) -> Effort:
        """What is expected of a candidate that is begun on this node now; None: in the cloud."""
        now, words = self._run.elapsed(), max(task.point.words, 1)
        size, sure = (CHARACTERS_PER_WORD[self._language] * count for count in (words, min(words, SURE_WORDS)))
        if node is None:
            return Effort(now + leg_s(CLOUD_GUESS, 0, self.planned(task)), size)
        seconds = node_s(node, self.planned(task), warmed=node.id in self.warmed)
        return Effort(now + seconds, size, node.id, self._feared_s(node), sure)

    async def live(
        self, task: Task, one: Try, failed: set[str], asked: set[str], begun: Callable[[NodeView, Effort], None]
    ) -> Draft:
        """On an edge, into the merger, after what is shown of it already.

        Args:
            failed: ids of nodes that are not asked; who fails is added. `asked`: likewise, those of the other try.
            begun: told of the node that was found, and what is expected of it.

        Raises:
            EdgeError: nothing of use came of it.
        """
        sheet = LiveSheet(self._merger, self._show, task.segment, one.writes)

        def found(node: NodeView) -> None:
            one.asked(node.id)
            sheet.effort = self.effort(task, node)
            begun(node, sheet.effort)

        kind = LegKind.HEDGE if failed or one.is_second else LegKind.EXPAND
        prefer = None if one.is_second else task.prefer
        wish, wait_s = self._wish(task, prefer, failed | asked), self._slot_wait_s()
        if one.is_second:  # worth a slot that is free, not one that somebody waits for
            wish, wait_s = replace(wish, turn=LAST), SPARE_WAIT_S
        return await self._on_edge(task, kind, wish, wait_s, sheet, failed, found=found)

    async def aside(
        self, task: Task, effort: Effort, failed: set[str], *, prefer: str | None = None, candidate: int = 0
    ) -> Draft:
        """On an edge that has a slot to spare, beside the merger.

        `candidate`: of several of one model, which one; 0 where it is the first.

        Raises:
            EdgeError: nothing of use came of it, or its slot was needed.
        """
        wish = replace(self._wish(task, prefer, failed), spare=True, turn=LAST)
        return await self._on_edge(task, LegKind.VERIFY, wish, SPARE_WAIT_S, Sheet(effort), failed, candidate=candidate)

    async def in_cloud(self, task: Task, effort: Effort | None = None) -> Draft:
        """In the cloud: into the merger, after what is shown of it already; with `effort` beside it.

        Raises:
            CloudError, Busy, NodeBroken: nothing of use came of it.
        """
        ask, point = self._run.ask, task.point
        kind = LegKind.EXPAND if self._plan.points_in_cloud else LegKind.HEDGE
        patience_s = PATIENCE_S[self._plan.service]
        sheet: Sheet = LiveSheet(self._merger, self._show, task.segment)
        if effort is not None:  # nobody waits for it
            kind, patience_s, sheet = LegKind.VERIFY, PATIENCE_S[ServiceLevel.COST], Sheet(effort)
        payload = {name: ask.payload[name] for name in _RESCUE_FIELDS if name in ask.payload}
        payload["messages"] = rescue_messages(
            ask.payload["messages"], point, language=self._language, before=task.before, shown=sheet.shown
        )
        tokens = passage_tokens(point, self._language)
        call = CloudCall(kind, ask.request_id, payload, tokens=tokens, patience_s=patience_s)
        with cloud_leg(self._run, self._outside, call, point.index) as leg:
            async with self._outside.cloud.stream(leg.sent(call)) as deltas:
                passage = await self._write(deltas, leg, task, CLOUD, sheet)
            if passage.weak:
                raise NodeBroken(f"the passage is of no use: {passage.weak}", code=passage.weak)
        return Draft(passage.text, CLOUD, None, leg.record)

    def _feared_s(self, node: NodeView) -> float:
        return self._plan.weak.get(node.model, 0.0) * self._plan.stake_s

    def _wish(self, task: Task, prefer: str | None, exclude: set[str]) -> Wish:
        planned, budget = self.planned(task), passage_budget_tokens(task.point, self._language)
        return Wish(
            self._least_prompt_tokens + budget,
            prefer=prefer,
            exclude=frozenset(exclude),
            tokens=planned.tokens,
            prompt_tokens=planned.prompt_tokens,
            warmed=frozenset(self.warmed),
            turn=(self._run.arrived, task.segment),
            weak=self._plan.weak,
            stake_s=self._plan.stake_s,
        )

    def _slot_wait_s(self) -> float:
        """The operator's limit, or less where the plan's deadline comes before it."""
        most = self._outside.limits.slot_wait_s
        if self._plan.deadline_s is None:
            return most
        return min(most, max(self._plan.deadline_s - self._run.elapsed(), SLOT_WAIT_LEAST_S))

    async def _on_edge(
        self,
        task: Task,
        kind: LegKind,
        wish: Wish,
        wait_s: float,
        sheet: Sheet,
        failed: set[str],
        *,
        found: Callable[[NodeView], None] = lambda _: None,
        candidate: int = 0,
    ) -> Draft:
        ask, point = self._run.ask, task.point

        def call_for(node: NodeView) -> EdgeCall:
            found(node)
            return EdgeCall(
                kind,
                ask.request_id,
                expand_messages(
                    ask.messages,
                    point,
                    language=self._language,
                    before=task.before,
                    shown=sheet.shown,
                    words_scale=self._outside.limits.words_scale,
                    context_tokens=node.context_tokens,
                    shared=self.shared(node.context_tokens),
                ),
                max_tokens=passage_budget_tokens(point, self._language),
                sampling=edge_sampling(ask.sampling, candidate=candidate) if candidate else self._sampling,
                repeat_penalty=REPEAT_PENALTY,
                continues=bool(sheet.shown),
                mean_logprob=self._outside.quality.scores,
            )

        async with node_leg(self._run, self._outside, call_for, wish, failed, point.index, wait_s) as stream:
            self.warmed.add(stream.node.id)
            passage = await self._write(stream.deltas, stream.leg, task, stream.node.name, sheet)
            if passage.weak:
                failed.add(stream.node.id)
                stream.leg.fail(passage.weak)
        if passage.weak:
            raise NodeBroken(f"the passage is of no use: {passage.weak}", code=passage.weak)
        node = stream.node
        return Draft(passage.text, node.name, node.id, stream.leg.record, self._feared_s(node))

    async def _write(
        self, deltas: AsyncIterator[Delta], leg: Leg, task: Task, writer: str, sheet: Sheet
    ) -> PassageFilter:
        """Run a leg's text through the passage's filter onto its sheet."""
        passage = PassageFilter(task.point, language=self._language, shown=sheet.shown)
        finish_reason = None

        async def put(text: str) -> None:
            if not text:
                return
            now_s, effort = self._run.elapsed(), sheet.effort
            if effort is not None:
                effort.wrote(len(text), now_s)
            await sheet.put(text, writer)
            if effort is not None and isinstance(sheet, LiveSheet):  # nobody waits for what is written aside
                rest_s = effort.end_s(now_s) - now_s
                give_up_if_slow(self._outside, writer, effort.late_s(now_s), rest_s, self.planned(task).tokens)

        async for delta in deltas:
            leg.see(delta)
            finish_reason = delta.finish_reason or finish_reason
            await put(passage.feed(delta.text))
            if passage.done:
                break
        await put(passage.flush(finish_reason))
        self._judge(leg, task.point, passage)
        return passage

    def _judge(self, leg: Leg, point: Point, passage: PassageFilter) -> None:
        """Put the passage's score into its leg's record."""
        if not self._outside.quality.scores:
            return
        candidate = Candidate(passage.text, passage.broken_off, language_of(passage.text), leg.mean_logprob)
        others = () if point.depends else self._merger.other_notes(point)  # what depends may speak of the others
        leg.record.quality = self._outside.judge(candidate, point, self._question, others)


def edge_sampling(wished: Sampling, *, candidate: int = 0) -> Sampling:
    """`candidate`: of several of one model, so that no two of them are written alike."""
    if not candidate:
        return wished if wished.temperature is not None else replace(wished, temperature=EDGE_TEMPERATURE)
    seed = None if wished.seed is None else wished.seed + candidate
    return replace(wished, temperature=max(wished.temperature or 0.0, OTHER_TEMPERATURE), seed=seed)


def _tokens(messages: Sequence[Message]) -> int:
    return estimate_chat_tokens([message.text for message in messages])


def _last_turn(messages: tuple[Message, ...]) -> list[Message]:
    """What of a conversation must fit even on a small node: system prompt and question (older turns may be trimmed)."""
    return [m for m in messages if m.role in ("system", "developer")] + list(messages[-1:])
