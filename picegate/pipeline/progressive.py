"""A progressive answer: the cloud's own text, and every point's passage from the moment its line closes, merged."""

import asyncio
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from picegate.assembly.merger import Merger
from picegate.core.errors import CloudError, PiceError
from picegate.core.events import ReasoningDelta, SegmentDone, SketchPoint
from picegate.core.plan import NodeKind, NodeView, Plan
from picegate.core.ports import CloudCall, EdgeCall
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_chat_tokens, estimate_tokens
from picegate.core.usage import LegKind, PassageRecord
from picegate.pipeline.cloud_leg import cloud_leg
from picegate.pipeline.contest import Contests
from picegate.pipeline.direct import edge_after
from picegate.pipeline.drafting import Task, edge_sampling
from picegate.pipeline.outside import Outside
from picegate.pipeline.passage import Passage
from picegate.pipeline.reading import Reading
from picegate.pipeline.run import Run
from picegate.pipeline.sizing import Sizing
from picegate.planning.grouping import grouped
from picegate.planning.placement import Leg, node_s, price_s
from picegate.planning.queue import PATIENCE_S
from picegate.sketch.grammar import sketch_grammar
from picegate.sketch.parser import Prose, SketchParser
from picegate.sketch.prompts import sketch_messages
from picegate.sketch.scripts import language_of

# Fields of the client's body that are about the whole answer, so the merger honours them and the sketch must not.
_NOT_FOR_SKETCH = ("stop", "pice")
MIN_GUIDED_POINTS = 2
ENDLESS = 2  # a plan's number of points is a wish: a sketch is cut off only at so many times the operator's bound


@dataclass(slots=True)
class _Leg:
    """A passage that may still wait for its slot. `also`: the segments behind its own whose points it holds, too."""

    segment: int
    point: Point
    also: tuple[int, ...] = ()
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


async def progressive(run: Run, plan: Plan, outside: Outside) -> None:
    """Answer `run` by sketch and expansion.

    Raises:
        CloudError, Busy: the sketch failed. Before any output an edge may answer instead; after it, the passages under
            way are finished first.
    """
    try:
        await _Progressive(run, plan, outside).answer()
    except CloudError as error:
        await edge_after(error, run, plan, outside)


class _Progressive:
    def __init__(self, run: Run, plan: Plan, outside: Outside) -> None:
        self._run = run
        self._plan = plan
        self._outside = outside
        self._language = language_of(run.ask.question)
        self._scope = anyio.CancelScope()
        self._merger = Merger(stop=run.ask.stop, max_tokens=run.ask.max_tokens)
        contests = Contests(outside.quality, self._merger, run.elapsed)
        self._reading = Reading(
            run, self._merger, contests, self._language, whole=plan.whole, finished=self._scope.cancel
        )
        self._passages = Passage(run, plan, outside, self._merger, contests, self._reading.show, self._language)
        self._sizing = Sizing(run, plan, outside, self._language, self._passages.warmed)
        self._last: _Leg | None = None  # of the last point, where another may be written with it
        self._closed: dict[int, asyncio.Event] = {}  # per passage, in reading order
        self._writers: dict[int, str | None] = {}
        self._kept: list[tuple[int, Point]] = []  # points that wait for the sketch to end
        self._messages = sketch_messages(
            run.ask.payload["messages"], level=plan.level, max_points=plan.max_points, language=self._language
        )

    async def answer(self) -> None:
        finish_reason = "stop"
        failure: PiceError | None = None
        try:
            with self._scope:
                async with anyio.create_task_group() as warming:
                    if self._plan.warm and not self._plan.points_in_cloud:
                        self._warm(warming)
                    async with anyio.create_task_group() as legs:
                        try:
                            finish_reason = await self._sketch(legs)
                        except PiceError as error:
                            failure = error
                        if not self._closed:  # there is nothing to write
                            warming.cancel_scope.cancel()
                        self._passages.sketched()
                    warming.cancel_scope.cancel()
                self._reading.show(self._merger.close_prose())
        finally:
            self._reading.stop()
        if failure is not None:
            raise failure
        tally = self._run.tally
        tally.prompt_tokens = self._own_prompt_tokens()
        tally.completion_tokens = estimate_tokens(self._merger.text)
        self._run.finish(self._merger.finish_reason or finish_reason)

    async def _sketch(self, legs: TaskGroup) -> str:
        """Read the sketch to its end, or until it only repeats itself. Returns its finish reason."""
        ask, limits, chosen = self._run.ask, self._outside.limits, self._plan.chosen
        parser = SketchParser(max_points=ENDLESS * limits.max_points, max_words=limits.max_point_words)
        call = CloudCall(
            LegKind.SKETCH,
            ask.request_id,
            self._payload(),
            self._plan.level,
            tokens=chosen.cloud_tokens - chosen.again_cloud if chosen is not None else None,
            patience_s=PATIENCE_S[self._plan.service],
        )
        finish_reason = "stop"
        with cloud_leg(self._run, self._outside, call) as leg:
            async with self._outside.cloud.stream(leg.sent(call)) as deltas:
                async for delta in deltas:
                    leg.see(delta)
                    finish_reason = delta.finish_reason or finish_reason
                    if delta.reasoning:
                        self._run.emit(ReasoningDelta(delta.reasoning))
                    self._take(parser.feed(delta.text), legs)
                    if parser.ended:
                        break
            self._take(parser.flush(), legs)
        self._hand_out(legs)
        owed = self._run.owed
        owed.expect(0.0, owed.edge if self._closed else 0.0)  # whatever was expected: now it is known
        return finish_reason

    def _payload(self) -> dict[str, object]:
        payload = {name: value for name, value in self._run.ask.payload.items() if name not in _NOT_FOR_SKETCH}
        payload["messages"] = self._messages
        if self._outside.guided != "none":
            points = self._plan.max_points
            grammar = sketch_grammar(
                min_points=min(MIN_GUIDED_POINTS, points),
                max_points=points,
                max_words=self._outside.limits.max_point_words,
            )
            payload |= (
                {"grammar": grammar}
                if self._outside.guided == "llama.cpp"
                else {"structured_outputs": {"grammar": grammar}}
            )
        return payload

    def _take(self, pieces: list[Prose | Point], legs: TaskGroup) -> None:
        for piece in pieces:
            if isinstance(piece, Prose):
                self._reading.show(self._merger.prose(piece.text))
                continue
            self._run.emit(SketchPoint(piece))
            if self._outside.limits.show_sketch:
                self._run.emit(ReasoningDelta(f">>{piece.words}{'+' * piece.depends} {piece.notes}\n"))
            for point in self._sizing.cut(piece):
                self._open(point, legs)

    def _open(self, point: Point, legs: TaskGroup) -> None:
        """A place for the passage, and whoever writes it."""
        segment = self._merger.open_passage(point)
        record = PassageRecord(segment, point.index, point.words, self._run.elapsed())
        self._run.tally.passages.append(record)
        self._reading.turn()
        if not self._plan.pipelined:
            self._kept.append((segment, point))
        elif (last := self._neighbour(segment)) and (both := self._sizing.share(last.point, point)):
            # Its leg stands in the line for slots: it leaves, and one for both takes its place there.
            last.scope.cancel()
            record.within = last.segment
            self._closed[segment] = asyncio.Event()
            self._last = _Leg(last.segment, both, (*last.also, segment))
            legs.start_soon(self._expand_leg, self._last)
        elif self._sizing.may_share(point):
            self._closed[segment] = asyncio.Event()
            self._last = _Leg(segment, point)
            legs.start_soon(self._expand_leg, self._last)
        else:
            self._start(legs, [(segment, point)])

    def _neighbour(self, segment: int) -> _Leg | None:
        """The leg right before this segment, where it still waits for its first slot."""
        last = self._last
        if last is None or (last.segment, *last.also)[-1] + 1 != segment:
            return None
        return None if any(leg.point == last.point.index for leg in self._run.tally.legs) else last

    async def _expand_leg(self, leg: _Leg) -> None:
        """A point that depends on nothing, so nothing is waited for but a slot."""
        with leg.scope:
            await self._expand(leg.segment, leg.point, [])
            for segment in leg.also:
                self._close_with(leg.segment, segment)

    def _close_with(self, segment: int, also: int) -> None:
        """The passage of `segment` is whole, and with it the point of `also`, which it holds."""
        of = {record.segment: record for record in self._run.tally.passages}
        wrote, record = of[segment], of[also]
        record.writer, record.attempts, record.stood_in = wrote.writer, wrote.attempts, wrote.stood_in
        record.done_s = wrote.done_s
        self._writers[also] = self._writers[segment]
        self._reading.show(self._merger.close_passage(also))
        self._run.emit(SegmentDone(also, record.point, record.writer, record.attempts, record.stood_in))
        self._closed[also].set()

    def _hand_out(self, legs: TaskGroup) -> None:
        """The sketch has ended: start what was kept for that, `whole` answers in one group for each free slot."""
        groups = [[index] for index in range(len(self._kept))]
        if self._plan.whole:
            free = sum(node.free for node in self._outside.fleet.view() if node.usable)
            groups = grouped([point.words for _, point in self._kept], free)
        for indices in groups:
            self._start(legs, [self._kept[index] for index in indices])

    def _start(self, legs: TaskGroup, group: list[tuple[int, Point]]) -> None:
        earlier = list(self._closed)
        self._closed |= {segment: asyncio.Event() for segment, _ in group}
        legs.start_soon(self._expand_group, group, earlier)

    async def _expand_group(self, group: list[tuple[int, Point]], earlier: list[int]) -> None:
        for segment, point in group:
            await self._expand(segment, point, earlier)
            earlier = [*earlier, segment]

    async def _expand(self, segment: int, point: Point, earlier: list[int]) -> None:
        before, prefer = "", None
        if point.depends:
            self._passages.hurry(segment)
            for other in earlier:
                await self._closed[other].wait()
            before = self._merger.before(segment) or ""
            prefer = self._writers[earlier[-1]] if earlier else None
        self._writers[segment] = await self._passages.write(Task(segment, point, before, prefer))
        self._closed[segment].set()

    def _warm(self, warming: TaskGroup) -> None:
        """Have the nodes that are likely to write read the question while the cloud is still thinking."""
        ask = self._run.ask
        free = [node for node in self._outside.fleet.view() if node.usable and node.free > 0]
        weak, stake_s = self._plan.weak, self._plan.stake_s
        free.sort(key=lambda node: price_s(node_s(node, Leg()), weak.get(node.model, 0.0), stake_s))
        sampling = edge_sampling(ask.sampling)
        most = chosen.nodes if (chosen := self._plan.chosen) is not None else self._plan.max_points
        for node in free[:most]:
            call = EdgeCall(
                LegKind.WARM,
                ask.request_id,
                self._passages.shared(node),
                max_tokens=1,
                sampling=sampling,
            )
            warming.start_soon(self._warm_one, node, call)

    async def _warm_one(self, node: NodeView, call: EdgeCall) -> None:
        with self._run.leg(LegKind.WARM, node.name, node.model, ()):
            if node.kind is NodeKind.AGENT:  # what comes while it reads shares what it reads
                self._passages.warmed.add(node.id)
            await self._outside.edge.warm(node, call)
        self._passages.warmed.add(node.id)

    def _own_prompt_tokens(self) -> int:
        """Tokens of the client's own conversation: the sketch leg's count less the share of our instructions."""
        own = estimate_chat_tokens([message.text for message in self._run.ask.messages])
        sketch = next((leg.tokens.prompt for leg in self._run.tally.legs if leg.kind is LegKind.SKETCH), 0)
        if not sketch:
            return own
        sent = estimate_chat_tokens([str(message.get("content") or "") for message in self._messages])
        return round(sketch * own / max(own, sent))
