"""The `usage` object of a reply, with `usage.pice`: who wrote how much, what it cost and how long it took.

The shape of `usage.pice` (all times in seconds since the request arrived, all money in `cost.currency`)::

    mode, level, reason          how it was answered ("cloud" | "progressive" | "edge"; 0..3; the reason's code)
    cloud_tokens                 {prompt, completion, cached, reasoning}: all legs that ran in the cloud
    edge_tokens                  the same, of all legs that ran on edge nodes
    estimated                    true where an upstream did not count and we did
    nodes                        names of the nodes that wrote passages, in reading order
    cost                         {currency, cloud, edge, total, cloud_only_estimate, saved_estimate}
    timings                      {first_token_s, total_s}
    legs                         one entry per upstream call: {leg, node, model, point, prompt_tokens,
                                 completion_tokens, cached_tokens, started_s, first_token_s, ended_s, end, error};
                                 it starts when it goes out, any waiting for a slot or a place done;
                                 of a passage that was scored also kept (false: another one took its place) and
                                 quality {confidence, defects by name (0..1, those found), mean_logprob}
"""

from collections.abc import Sequence
from typing import Any

from picegate.core.plan import Plan
from picegate.core.usage import Bill, LegEnd, LegKind, LegRecord, Tally

_WRITING = (LegKind.EXPAND, LegKind.EDGE, LegKind.HEDGE, LegKind.VERIFY)


def usage_body(tally: Tally, bill: Bill, plan: Plan) -> dict[str, Any]:
    """OpenAI's usage of the answer that the reader got, and `pice`.

    Thinking and instructions of our own legs are no part of that answer, so they stand only in `pice`.
    """
    cached = min(tally.prompt_tokens, sum(leg.tokens.cached for leg in tally.cloud_legs))
    return {
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.completion_tokens,
        "total_tokens": tally.prompt_tokens + tally.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "pice": pice_body(tally, bill, plan),
    }


def pice_body(tally: Tally, bill: Bill, plan: Plan) -> dict[str, Any]:
    return {
        "mode": plan.mode.value,
        "level": plan.level,
        "reason": plan.why.code,
        "cloud_tokens": _sum(tally.cloud_legs),
        "edge_tokens": _sum(tally.edge_legs),
        "estimated": any(leg.tokens.estimated for leg in tally.legs),
        "nodes": _writers(tally.edge_legs),
        "cost": {
            "currency": bill.currency,
            "cloud": _money(bill.cloud),
            "edge": _money(bill.edge),
            "total": _money(bill.total),
            "cloud_only_estimate": _money(bill.cloud_only),
            "saved_estimate": _money(bill.saved),
        },
        "timings": {"first_token_s": _seconds(tally.first_token_s), "total_s": _seconds(tally.total_s)},
        "legs": [_leg(leg) for leg in tally.legs],
    }


def _sum(legs: Sequence[LegRecord]) -> dict[str, int]:
    prompt = completion = cached = reasoning = 0
    for leg in legs:
        tokens = leg.tokens
        prompt += tokens.prompt
        completion += tokens.completion
        cached += tokens.cached
        reasoning += tokens.reasoning
    return {"prompt": prompt, "completion": completion, "cached": cached, "reasoning": reasoning}


def _writers(legs: Sequence[LegRecord]) -> list[str]:
    wrote = [leg for leg in legs if leg.kind in _WRITING and leg.end is LegEnd.DONE and leg.kept is not False]
    wrote.sort(key=lambda leg: -1 if leg.point is None else leg.point)
    return list(dict.fromkeys(leg.where for leg in wrote))


def _leg(leg: LegRecord) -> dict[str, Any]:
    return {
        "leg": leg.kind.value,
        "node": leg.where,
        "model": leg.model,
        "point": leg.point,
        "prompt_tokens": leg.tokens.prompt,
        "completion_tokens": leg.tokens.completion,
        "cached_tokens": leg.tokens.cached,
        "started_s": _seconds(leg.started_s),
        "first_token_s": _seconds(leg.first_token_s),
        "ended_s": _seconds(leg.ended_s),
        "end": leg.end.value,
        "error": leg.error,
        **({} if leg.quality is None else {"kept": leg.kept, "quality": leg.quality.as_data()}),
    }


def _money(value: float) -> float:
    return round(value, 9)  # far below a token's price, far above the noise of adding floats


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
