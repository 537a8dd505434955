"""One passage, point to last sentence: an edge writes it, else another, else the cloud, else its notes stand in."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import anyio

from picegate.assembly.merger import Merger
from picegate.assembly.passage import PassageFilter
from picegate.assembly.scoring import Candidate, score
from picegate.core.chat import Message, Sampling, ServiceLevel
from picegate.core.errors import Busy, CloudError, EdgeError, NodeBroken, NoNode
from picegate.core.events import CLOUD, SegmentDone, TextDelta
from picegate.core.plan import NodeView, Plan
from picegate.core.ports import CloudCall, Delta, EdgeCall, Wish
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_chat_tokens
from picegate.core.usage import LegKind
from picegate.pipeline.cloud_leg import cloud_leg
from picegate.pipeline.hedge import Race, Try
from picegate.pipeline.node_leg import node_leg
from picegate.pipeline.outside import Outside
from picegate.pipeline.repair import Draft, Repairs
from picegate.pipeline.run import Leg, Run
from picegate.planning.queue import PATIENCE_S
from picegate.sketch.prompts import expand_messages, passage_budget_tokens, passage_tokens, rescue_messages
from picegate.sketch.scripts import Language, language_of

REPEAT_PENALTY = 1.1  # small models loop without one (measured on SmolLM2-135M and Qwen2.5-0.5B)
EDGE_TEMPERATURE = 0.3  # where the client names none: a passage is to keep to its notes

SECOND_WAIT_S = 0.05
SLOT_WAIT_LEAST_S = 1.0
INSTRUCTION_TOKENS = 200  # instruction, worked example and notes of an expansion prompt

# What a rescue leg takes over from the client's body; the rest (stop, limits, streaming) is about the whole answer.
_RESCUE_FIELDS = ("temperature", "top_p", "seed", "user", "service_tier", "reasoning_effort", "safety_identifier")


Show = Callable[[list[TextDelta]], None]


class Passage:
    """Writes one passage into its segment of the merger."""

    def __init__(self, run: Run, plan: Plan, outside: Outside, merger: Merger, show: Show, language: Language) -> None:
        self._run = run
        self._plan = plan
        self._outside = outside
        self._merger = merger
        self._show = show
        self._language = language
        self.repairs = Repairs(outside.quality, merger)
        self.warmed: set[str] = set()  # ids of nodes that have read the question

    async def write(self, segment: int, point: Point, *, before: str = "", prefer: str | None = None) -> str | None:
        """Write the passage of `point`, and a weak one once more while nobody reads it; never raises a PiceError.

        Returns:
            The id of the node that wrote it, None where it was not a node.
        """
        attempts = 0
        failed: set[str] = set()
        most = 0 if self._plan.points_in_cloud else self._outside.limits.attempts
        while attempts < most:
            try:
                draft = await self._on_edge(segment, point, before, prefer, failed, again=attempts > 0)
            except NoNode:
                break
            except EdgeError:
                attempts += 1
                self._merger.reset(segment)
            else:
                rewrites = self._rewrites(segment, point, before, failed | ({draft.node} if draft.node else set()))
                best = await self.repairs.best(segment, draft, rewrites)
                self._done(segment, point, best.writer, attempts + 1)
                return best.node
        try:
            await self._in_cloud(segment, point, before)
        except (CloudError, Busy, EdgeError):
            self._merger.reset(segment)
            self._stand_in(segment, point)
            self._done(segment, point, CLOUD, attempts + 2, stood_in=True)
        else:
            self._done(segment, point, CLOUD, attempts + 1)
        return None

    def _done(self, segment: int, point: Point, writer: str, attempts: int, *, stood_in: bool = False) -> None:
        record = next(one for one in self._run.tally.passages if one.segment == segment)
        record.writer, record.attempts, record.stood_in = writer, attempts, stood_in
        record.done_s = self._run.elapsed()
        self._show(self._merger.close_passage(segment))
        self._run.emit(SegmentDone(segment, point.index, writer, attempts, stood_in))

    async def _on_edge(
        self, segment: int, point: Point, before: str, prefer: str | None, failed: set[str], *, again: bool
    ) -> Draft:
        """One try, and a second one beside it where the first is silent for too long."""
        wrote: list[Draft] = []
        race = Race()

        async def attempt(one: Try) -> None:
            wrote.append(await self._try(segment, point, before, prefer, failed, race, one, again=again))

        await race.run(attempt, math.inf if self._plan.hedge_s is None else self._plan.hedge_s)
        return wrote[-1]

    async def _try(
        self,
        segment: int,
        point: Point,
        before: str,
        prefer: str | None,
        failed: set[str],
        race: Race,
        one: Try,
        *,
        again: bool,
        aside: bool = False,
    ) -> Draft:
        ask = self._run.ask
        budget = passage_budget_tokens(point, self._language)
        shown = "" if aside else self._merger.shown(segment)
        kind = LegKind.HEDGE if again or one.is_second else LegKind.EXPAND

        def call_for(node: NodeView) -> EdgeCall:
            one.asked(node.id)
            return EdgeCall(
                LegKind.VERIFY if aside else kind,
                ask.request_id,
                expand_messages(
                    ask.messages,
                    point,
                    language=self._language,
                    before=before,
                    shown=shown,
                    words_scale=self._outside.limits.words_scale,
                    context_tokens=node.context_tokens,
                ),
                max_tokens=budget,
                sampling=edge_sampling(ask.sampling),
                repeat_penalty=REPEAT_PENALTY,
                continues=bool(shown),
                mean_logprob=self._outside.quality.repair,
            )

        needed = INSTRUCTION_TOKENS + estimate_chat_tokens([m.text for m in _last_turn(ask.messages)]) + budget
        wish = Wish(
            needed,
            None if one.is_second else prefer,
            frozenset(failed | race.nodes),
            tokens=passage_tokens(point, self._language),
            prompt_tokens=needed - budget,
            warmed=frozenset(self.warmed),
            turn=(self._run.arrived, segment),
        )
        # A second try is worth a slot that is free, not one that somebody waits for.
        wait_s = SECOND_WAIT_S if one.is_second or aside else self._slot_wait_s()
        async with node_leg(self._run, self._outside, call_for, wish, failed, point.index, wait_s) as stream:
            self.warmed.add(stream.node.id)
            writer = stream.node.name
            weak, text = await self._pour(
                stream.deltas, stream.leg, segment, point, writer, shown, one.writes, aside=aside
            )
            if weak:
                failed.add(stream.node.id)
                stream.leg.fail(weak)
        if weak:
            raise NodeBroken(f"the passage is of no use: {weak}", code=weak)
        return Draft(text, writer, stream.node.id, stream.leg.record)

    def _rewrites(
        self, segment: int, point: Point, before: str, others: set[str]
    ) -> Iterator[Callable[[], Awaitable[Draft]]]:
        """Who may write a weak passage once more, beside the merger: a node that is none of the `others`, the cloud."""
        race = Race()
        yield partial(self._try, segment, point, before, None, others, race, Try(race, 0), again=True, aside=True)
        if self._plan.service in self._outside.quality.cloud:
            yield partial(self._in_cloud, segment, point, before, aside=True)

    def _slot_wait_s(self) -> float:
        """The operator's limit, or less where the plan's deadline comes before it."""
        most = self._outside.limits.slot_wait_s
        if self._plan.deadline_s is None:
            return most
        return min(most, max(self._plan.deadline_s - self._run.elapsed(), SLOT_WAIT_LEAST_S))

    async def _in_cloud(self, segment: int, point: Point, before: str, *, aside: bool = False) -> Draft:
        ask = self._run.ask
        shown = "" if aside else self._merger.shown(segment)
        payload = {name: ask.payload[name] for name in _RESCUE_FIELDS if name in ask.payload}
        payload["messages"] = rescue_messages(
            ask.payload["messages"], point, language=self._language, before=before, shown=shown
        )
        kind = LegKind.EXPAND if self._plan.points_in_cloud else LegKind.HEDGE
        patience_s = PATIENCE_S[self._plan.service]
        if aside:  # nobody waits for it
            kind, patience_s = LegKind.VERIFY, PATIENCE_S[ServiceLevel.COST]
        tokens = passage_tokens(point, self._language)
        call = CloudCall(kind, ask.request_id, payload, tokens=tokens, patience_s=patience_s)
        with cloud_leg(self._run, self._outside, call, point.index) as leg:
            async with self._outside.cloud.stream(leg.sent(call)) as deltas:
                weak, text = await self._pour(deltas, leg, segment, point, CLOUD, shown, aside=aside)
            if weak:
                raise NodeBroken(f"the passage is of no use: {weak}", code=weak)
        return Draft(text, CLOUD, None, leg.record)

    async def _pour(
        self,
        deltas: AsyncIterator[Delta],
        leg: Leg,
        segment: int,
        point: Point,
        writer: str,
        shown: str,
        may_write: Callable[[], bool] = lambda: True,
        *,
        aside: bool = False,
    ) -> tuple[str | None, str]:
        """Run a leg's text through the passage's filter into the merger, unless it is written `aside`.

        `may_write` is asked before text goes into the merger; where it says no, the leg is being cancelled.

        Returns:
            Why the passage is of no use, or None; and its whole text, what was shown before included.
        """
        passage = PassageFilter(point, language=self._language, shown=shown)
        finish_reason = None
        async for delta in deltas:
            leg.see(delta)
            finish_reason = delta.finish_reason or finish_reason
            if text := passage.feed(delta.text):
                if not may_write():
                    await anyio.sleep_forever()
                if not aside:
                    self._show(self._merger.passage(segment, text, writer))
            if passage.done:
                break
        if text := passage.flush(finish_reason):
            if not may_write():
                await anyio.sleep_forever()
            if not aside:
                self._show(self._merger.passage(segment, text, writer))
        self._judge(leg, point, passage)
        return passage.weak, passage.text

    def _judge(self, leg: Leg, point: Point, passage: PassageFilter) -> None:
        """Put the passage's score into its leg's record."""
        if not self._outside.quality.repair:
            return
        candidate = Candidate(passage.text, passage.broken_off, language_of(passage.text), leg.mean_logprob)
        question = self._run.ask.question
        others = () if point.depends else self._merger.other_notes(point)  # what depends may speak of the others
        leg.record.quality = score(candidate, point, language=self._language, question=question, others=others)

    def _stand_in(self, segment: int, point: Point) -> None:
        """The reader loses detail, never the fact: the point's own notes take the passage's place."""
        shown = self._merger.shown(segment)
        text = f"{' … ' if shown else ''}{point.notes}"
        self._show(self._merger.passage(segment, text, CLOUD))


def edge_sampling(wished: Sampling) -> Sampling:
    if wished.temperature is not None:
        return wished
    return replace(wished, temperature=EDGE_TEMPERATURE)


def _last_turn(messages: tuple[Message, ...]) -> list[Message]:
    """What of a conversation must fit even on a small node: system prompt and question (older turns may be trimmed)."""
    return [m for m in messages if m.role in ("system", "developer")] + list(messages[-1:])
