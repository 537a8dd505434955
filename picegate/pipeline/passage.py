"""One passage, point to last sentence: an edge writes it, else another, else the cloud, else its notes stand in.

Where there is time before it is read, and slots to spare, it has further candidates (`contest.py`).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from picegate.assembly.merger import Merger
from picegate.core.chat import Message
from picegate.core.errors import Busy, CloudError, EdgeError, NodeSlow, NoNode
from picegate.core.events import CLOUD, SegmentDone
from picegate.core.plan import NodeView, Plan
from picegate.core.ports import Observation
from picegate.core.usage import PassageRecord
from picegate.pipeline.contest import Contest, Contests, Draft, Effort
from picegate.pipeline.drafting import Drafting, Show, Task
from picegate.pipeline.hedge import Race, Try
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Run
from picegate.planning.ensemble import Moment, Second, opinions
from picegate.planning.kinds import kind_of
from picegate.planning.placement import node_s
from picegate.sketch.scripts import Language

# By so much may an answer end later for the sake of its last candidates: 1 %, and less than anybody notices.
GRACE_S = 0.1
GRACE = 0.01


class Passage:
    """Writes passages, each into its segment of the merger."""

    def __init__(
        self,
        run: Run,
        plan: Plan,
        outside: Outside,
        merger: Merger,
        contests: Contests,
        show: Show,
        language: Language,
    ) -> None:
        self._run = run
        self._plan = plan
        self._outside = outside
        self._merger = merger
        self._contests = contests
        self._show = show
        self._sketching = True
        self._hurried = 0  # segments before this one are waited for
        self._drafting = Drafting(run, plan, outside, merger, show, language)

    @property
    def warmed(self) -> set[str]:
        """Ids of nodes that have read the question."""
        return self._drafting.warmed

    def shared(self, node: NodeView) -> tuple[Message, ...]:
        """What the prompts of all passages begin with on this node."""
        return self._drafting.shared(node.context_tokens)

    async def write(self, task: Task) -> str | None:
        """Write the passage; never raises a PiceError.

        Returns:
            The id of the node that wrote it, None where it was not a node.
        """
        record = next(one for one in self._run.tally.passages if one.segment == task.segment)
        contest = self._contests.open(task.segment)
        try:
            if not self._plan.points_in_cloud:
                await self._by_edges(task, contest, record)
            best = contest.choose()
            if best is None:
                contest.begun(self._drafting.effort(task, None))
                await self._without_edges(task, record)
            else:
                self._done(record, best.writer)
            return best.node if best is not None else None
        finally:
            self._contests.close(contest)
            self._end_if_written()

    def sketched(self) -> None:
        """The sketch has ended: there will be no further passages."""
        self._sketching = False
        self._end_if_written()

    def hurry(self, before: int) -> None:
        """A passage waits for all before its segment to be whole."""
        self._hurried = max(self._hurried, before)
        for contest in self._contests:
            if contest.segment < before:
                contest.late()

    async def _by_edges(self, task: Task, contest: Contest, record: PassageRecord) -> None:
        failed: set[str] = set()
        if self._outside.quality.ensemble == "always" and self._plan.candidates > 1:
            self._merger.hold(task.segment)
        try:
            with contest.first:
                await self._first(task, contest, record, failed)
            contest.first_done = True
            self._end_if_written()
            await contest.settled()
        finally:
            await contest.stop()
        if contest.over or contest.is_sound:  # without a look at the fleet, which may be large
            return
        for rewrite in self._rewrites(task, contest, failed):
            if contest.over or contest.is_sound:
                break
            self._merger.hold(task.segment)
            await rewrite()

    async def _first(self, task: Task, contest: Contest, record: PassageRecord, failed: set[str]) -> None:
        """The candidate that writes into the merger, by one node after another."""
        for _ in range(self._outside.limits.attempts):
            if contest.is_sound and not self._merger.shown(task.segment):
                return
            try:
                contest.written(await self._on_edge(task, contest, record, failed))
            except NoNode:
                return
            except EdgeError as error:
                record.attempts += 1
                self._merger.reset(task.segment)
                if isinstance(error, NodeSlow):  # the cloud is known to be faster
                    return
            else:
                record.attempts += 1
                return

    async def _on_edge(self, task: Task, contest: Contest, record: PassageRecord, failed: set[str]) -> Draft:
        """One try, and a second one beside it where the first is silent for too long."""
        wrote: list[Draft] = []
        race = Race()

        def begun(node: NodeView, effort: Effort) -> None:
            contest.begun(effort)
            if not record.why:
                self._invite(task, contest, record, node)

        async def attempt(one: Try) -> None:
            wrote.append(await self._drafting.live(task, one, failed, race.nodes, begun))

        try:
            await race.run(attempt, math.inf if self._plan.hedge_s is None else self._plan.hedge_s)
        finally:
            if race.outrun is not None:  # nobody waited until it timed out
                self._outside.fleet.observe(race.outrun, Observation(ok=False))
        return wrote[-1]

    def _invite(self, task: Task, contest: Contest, record: PassageRecord, first: NodeView) -> None:
        """Begin further candidates beside the first one, where that is worth it."""
        if self._plan.candidates < 2:
            record.why = "off"  # without a look at the fleet, which may be large
            return
        chosen = opinions(self._moment(task, first))
        record.candidates, record.why = chosen.count, chosen.why
        if chosen.count > 1:
            self._merger.hold(task.segment)
        models = [first.model]
        for node in chosen.asked:
            number = models.count(node.model)
            models.append(node.model)
            candidate = partial(self._drafting.aside, task, failed=set(), prefer=node.id, candidate=number)
            contest.invite(candidate, self._drafting.effort(task, node))

    def _seconds(self, task: Task, first: NodeView, usable: Sequence[NodeView]) -> list[Second]:
        """Who could write a further candidate: other models before other nodes before the first one's own batch."""
        leg = self._drafting.planned(task)
        nodes = sorted(
            (node for node in usable if node.free > 0),
            key=lambda node: (
                node.model == first.model,
                node.id == first.id,
                node_s(node, leg, warmed=node.id in self.warmed),
            ),
        )
        sound = {model: self._sound(model) for model in {node.model for node in nodes}}
        rest = self._contests.rest_s(self._run.elapsed())
        return [Second(node, sound[node.model], rest.get(node.id, 0.0)) for node in nodes]

    def _moment(self, task: Task, first: NodeView) -> Moment:
        plan, now = self._plan, self._run.elapsed()
        end_s = self._contests.end_s(now)
        if self._sketching and plan.chosen is not None:
            end_s = max(end_s, plan.chosen.finish_s)
        usable = [node for node in self._outside.fleet.view() if node.usable]
        return Moment(
            when=self._outside.quality.ensemble,
            most=plan.candidates,
            depends=task.point.depends,
            is_read=task.segment < self._hurried or self._merger.is_read(task.segment),
            end_s=end_s - now,
            leg=self._drafting.planned(task),
            sound=self._sound(first.model),
            slots=sum(node.slots for node in usable),
            free=sum(node.free for node in usable),
            seconds=self._seconds(task, first, usable),
            price_s=float(plan.numbers.get("edge_price_ms", 0.0)) / 1000,
            worth_s=plan.stake_s,
        )

    def _sound(self, model: str) -> float:
        """Share of the model's passages about such a question that need no repair."""
        features = self._plan.forecast.features if self._plan.forecast is not None else {}
        return self._outside.strategist.trust(model, kind_of(features)).mean

    def _rewrites(self, task: Task, contest: Contest, failed: set[str]) -> Iterator[Callable[[], Awaitable[None]]]:
        """Who may write a weak passage once more: a node that has not written it, then the cloud."""
        quality, draft = self._outside.quality, contest.best
        if draft is None or not quality.repair:
            return
        wrote = {one.node for one in contest.drafts if one.node is not None}
        nodes = [node for node in self._outside.fleet.view() if node.usable and node.free and node.id not in wrote]
        if nodes:
            leg = self._drafting.planned(task)
            node = min(nodes, key=lambda node: node_s(node, leg))
            again = partial(self._drafting.aside, task, failed=failed | wrote)
            yield partial(contest.enter, again, self._drafting.effort(task, node))
        if self._plan.service in quality.cloud:
            yield partial(contest.enter, partial(self._drafting.in_cloud, task), self._drafting.effort(task, None))

    def _end_if_written(self) -> None:
        """When all passages are whole, none waits for a better one."""
        if self._sketching or self._contests.under_way:
            return
        grace_s = min(GRACE_S, GRACE * self._run.elapsed())
        asyncio.get_running_loop().call_later(grace_s, self._end)

    def _end(self) -> None:
        if self._contests.under_way:  # a passage has been begun meanwhile
            return
        for contest in self._contests:
            contest.late()

    async def _without_edges(self, task: Task, record: PassageRecord) -> None:
        """The cloud writes it, or its notes stand in."""
        self._show(self._merger.let_go(task.segment))
        record.attempts += 1
        try:
            await self._drafting.in_cloud(task)
        except (CloudError, Busy, EdgeError):
            record.attempts += 1
            record.stood_in = True
            self._merger.reset(task.segment)
            self._stand_in(task)
        self._done(record, CLOUD)

    def _stand_in(self, task: Task) -> None:
        """The reader loses detail, never the fact: the point's own notes take the passage's place."""
        shown = self._merger.shown(task.segment)
        text = f"{' … ' if shown else ''}{task.point.notes}"
        self._show(self._merger.passage(task.segment, text, CLOUD))

    def _done(self, record: PassageRecord, writer: str) -> None:
        record.writer, record.done_s = writer, self._run.elapsed()
        self._show(self._merger.let_go(record.segment))
        self._show(self._merger.close_passage(record.segment))
        self._run.emit(SegmentDone(record.segment, record.point, writer, record.attempts, record.stood_in))
