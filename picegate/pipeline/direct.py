"""The two modes with one writer: the cloud, passed through as it comes, and an edge that writes a whole answer."""

import re

from picegate.core.chat import DataPolicy, Message, Mode
from picegate.core.errors import CloudError, EdgeError, NodeBroken, NodeSlow, NoNode
from picegate.core.events import RawChunk, RawReply, ReasoningDelta, TextDelta
from picegate.core.plan import Plan, Reason
from picegate.core.ports import CloudCall, Delta, EdgeCall, Wish
from picegate.core.tokens import estimate_tokens
from picegate.core.usage import LegKind, Tokens
from picegate.pipeline.cloud_leg import cloud_leg
from picegate.pipeline.node_leg import give_up_if_slow, node_leg
from picegate.pipeline.outside import Outside
from picegate.pipeline.run import Leg, Run
from picegate.planning.planner import edge_instead
from picegate.planning.queue import PATIENCE_S
from picegate.sketch.prompts import continue_messages, edge_messages
from picegate.sketch.scripts import language_of
from picegate.wire.upstream import parse_delta, tokens_of

# What a chunk is worth parsing for: a usage or finish reason that is not null. In a JSON string the quotes would be
# escaped, so an answer that talks about these words does not look like this.
_TELLS = re.compile(rb'"(?:usage|finish_reason)"\s*:\s*["{]')
# A delta with more than the opening role.
_WRITES = re.compile(rb'"(?:content|reasoning_content|reasoning|refusal)"\s*:\s*"[^"]|"tool_calls"\s*:\s*\[')

SURE_TOKENS = 24  # written, before a node is taken for slow: a stall alone does not make it seem so


async def from_cloud(run: Run, plan: Plan, outside: Outside) -> None:
    """The cloud's answer, untouched; an edge's where the cloud fails before its first word and the policy allows it.

    Raises:
        CloudError, Busy: the cloud failed, and no edge may or can take its place.
    """
    try:
        if run.ask.stream:
            await _relay(run, plan, outside)
        else:
            await _complete(run, plan, outside)
    except CloudError as error:
        await edge_after(error, run, plan, outside)


async def edge_after(error: CloudError, run: Run, plan: Plan, outside: Outside) -> None:
    """Let an edge answer after the cloud has failed.

    Raises:
        CloudError: `error` again, where the reader has seen output already or no edge may or can answer.
    """
    instead = None
    if error.is_outage and not run.has_output and plan.forecast is not None:
        instead = edge_instead(run.ask, plan.forecast, outside.fleet.view())
    if instead is None:
        raise error
    run.follow(instead)
    await from_edge(run, instead, outside)


async def from_edge(run: Run, plan: Plan, outside: Outside) -> None:
    """One node's answer. A node that dies is followed by another that goes on where it stopped, then by the cloud.

    Raises:
        EdgeError, CloudError: everyone who was allowed to answer has failed.
    """
    ask = run.ask
    answer = _Answer(run)
    failed: set[str] = set()
    failure: EdgeError | None = None
    for _ in range(outside.limits.attempts + 1):
        try:
            await _edge_goes_on(run, plan, outside, answer, failed)
        except NoNode as error:
            failure = failure or error
            break
        except NodeSlow as error:  # the cloud is known to be faster
            failure = error
            break
        except EdgeError as error:
            failure = error
        else:
            return answer.finish()
    if ask.data_policy is DataPolicy.EDGE_ONLY or failure is None:
        raise failure or NoNode("no edge node is ready")
    if answer.text:
        await _cloud_goes_on(run, outside, answer)
        return answer.finish()
    why = Reason("edge_failed", "no edge node could answer, so the cloud does")
    instead = Plan(Mode.CLOUD, why, forecast=plan.forecast, service=plan.service)
    run.follow(instead)
    return await from_cloud(run, instead, outside)


class _Answer:
    """A whole answer while its writers come and go."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.text = ""
        self._finish_reason = "stop"

    def take(self, delta: Delta, writer: str) -> None:
        if delta.reasoning:
            self._run.emit(ReasoningDelta(delta.reasoning))
        if delta.text:
            self.text += delta.text
            self._run.emit(TextDelta(delta.text, 0, writer))
        self._finish_reason = delta.finish_reason or self._finish_reason

    def tokens_left(self) -> int | None:
        limit = self._run.ask.max_tokens
        return None if limit is None else max(1, limit - estimate_tokens(self.text))

    def finish(self) -> None:
        tally = self._run.tally
        wrote = [leg for leg in tally.legs if leg.tokens.completion]
        tally.prompt_tokens = max((leg.tokens.prompt for leg in wrote), default=0)
        tally.completion_tokens = sum(leg.tokens.completion for leg in wrote)
        self._run.finish(self._finish_reason)


def _hurry(run: Run, plan: Plan, outside: Outside, leg: Leg, who: str) -> None:
    """The planner has chosen this node because it would be sooner than the cloud.

    Raises:
        NodeSlow: it is far from it, and the cloud would have the rest in half of the time.
    """
    if plan.chosen is None or plan.forecast is None or run.ask.data_policy is DataPolicy.EDGE_ONLY:
        return
    rest = plan.forecast.mean_tokens - leg.written
    rest_s = rest * leg.decode_s / (leg.written - 1)
    give_up_if_slow(outside, who, run.elapsed() + rest_s - plan.chosen.finish_s, rest_s, rest)


async def _edge_goes_on(run: Run, plan: Plan, outside: Outside, answer: _Answer, failed: set[str]) -> None:
    """Have one node write the answer, or the rest of it."""
    ask = run.ask
    shown = answer.text
    call = EdgeCall(
        LegKind.HEDGE if failed else LegKind.EDGE,
        ask.request_id,
        edge_messages(ask.messages) + ((Message("assistant", shown),) if shown else ()),
        max_tokens=answer.tokens_left(),
        stop=ask.stop,
        sampling=ask.sampling,
        continues=bool(shown),
    )
    room = plan.forecast.whole_tokens if plan.forecast else 0
    wish = Wish(
        room,
        exclude=frozenset(failed),
        tokens=plan.forecast.mean_tokens if plan.forecast else 0.0,
        prompt_tokens=plan.forecast.prompt_tokens if plan.forecast else 0,
        turn=(run.arrived, 0),
        weak=plan.weak,
        stake_s=plan.stake_s,
    )
    async with node_leg(run, outside, lambda _: call, wish, failed) as stream:
        async for delta in stream.deltas:
            stream.leg.see(delta)
            answer.take(delta, stream.node.name)
            if stream.leg.written >= SURE_TOKENS and plan.options:
                _hurry(run, plan, outside, stream.leg, stream.node.name)
        if not answer.text.strip():
            failed.add(stream.node.id)
            stream.leg.fail("empty")
    if not answer.text.strip():
        raise NodeBroken("the node wrote nothing", code="empty")


async def _cloud_goes_on(run: Run, outside: Outside, answer: _Answer) -> None:
    ask = run.ask
    raw = list(ask.payload["messages"])
    payload = {**ask.payload, "messages": continue_messages(raw, answer.text, language=language_of(ask.question))}
    call = CloudCall(LegKind.HEDGE, ask.request_id, payload)
    with cloud_leg(run, outside, call) as leg:
        async with outside.cloud.stream(leg.sent(call)) as deltas:
            async for delta in deltas:
                leg.see(delta)
                answer.take(delta, "cloud")


def _whole_call(run: Run, plan: Plan) -> CloudCall:
    tokens = plan.forecast.mean_tokens if plan.forecast else None
    return CloudCall(
        LegKind.CLOUD, run.ask.request_id, run.ask.payload, tokens=tokens, patience_s=PATIENCE_S[plan.service]
    )


async def _relay(run: Run, plan: Plan, outside: Outside) -> None:
    """Chunks go through as they came; all that is read of one is what a search for a few bytes tells."""
    call = _whole_call(run, plan)
    finish_reason = "stop"
    with cloud_leg(run, outside, call) as leg:
        async with outside.cloud.relay(leg.sent(call)) as payloads:
            async for data in payloads:
                if leg.record.first_token_s is not None:
                    leg.count_chunk()
                elif _WRITES.search(data):
                    leg.count_chunk()
                    run.mark_first_token()
                if _TELLS.search(data):
                    delta = parse_delta(data)
                    leg.see(delta)
                    finish_reason = delta.finish_reason or finish_reason
                run.emit(RawChunk(data))
    _settle(run, leg.record.tokens, finish_reason)


async def _complete(run: Run, plan: Plan, outside: Outside) -> None:
    call = _whole_call(run, plan)
    with cloud_leg(run, outside, call, streamed=False) as leg:
        body = await outside.cloud.complete(leg.sent(call))
        leg.touch()
        leg.record.tokens = tokens_of(body.get("usage"))
    run.emit(RawReply(body))
    choices = body.get("choices") or [{}]
    _settle(run, leg.record.tokens, choices[0].get("finish_reason") or "stop")


def _settle(run: Run, tokens: Tokens, finish_reason: str) -> None:
    run.tally.prompt_tokens = tokens.prompt
    run.tally.completion_tokens = tokens.completion
    run.finish(finish_reason)
