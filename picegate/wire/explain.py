"""The reply to `pice: {explain: true}`: the plan, as a sentence to read and as data, and nothing run."""

from typing import Any

from picegate.core.chat import Ask
from picegate.core.plan import Plan
from picegate.wire.chunks import DONE, chunk, completion, frame, head, usage_chunk
from picegate.wire.plan import plan_body, plan_sentence

_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def explain_body(ask: Ask, plan: Plan, created: int) -> dict[str, Any]:
    of = head(ask.request_id, created, ask.model)
    return {**completion(of, plan_sentence(plan), "stop", _USAGE), "pice": {"plan": plan_body(plan)}}


def explain_stream(ask: Ask, plan: Plan, created: int) -> bytes:
    of = head(ask.request_id, created, ask.model)
    said = {**chunk(of, {"role": "assistant", "content": plan_sentence(plan)}), "pice": {"plan": plan_body(plan)}}
    frames = [said, chunk(of, {}, "stop")]
    if ask.include_usage:
        frames = [{**each, "usage": None} for each in frames] + [usage_chunk(of, _USAGE)]
    return b"".join(frame(each) for each in frames) + DONE
