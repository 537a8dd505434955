"""From what happened to a request to its rows in the ledger."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from picegate.accounting.prices import Prices
from picegate.accounting.savings import bill
from picegate.accounting.tables import forecasts, legs, passages, qualities, stalls, waits
from picegate.core.chat import Ask
from picegate.core.events import Event, Finished, RawChunk, RawReply, TextDelta
from picegate.core.plan import Plan
from picegate.core.usage import LegRecord, Tally

Values = dict[str, Any]

_WAITED_S = 0.001  # what took less was no waiting
_PASSAGE, _STALL = (  # as plain text: orjson takes no other kind of `str` for a key
    [str(column.name) for column in table.c if column.name != "request"] for table in (passages, stalls)
)


def request_values(ask: Ask, plan: Plan | None, end: Finished, prices: Prices, now: datetime) -> Values:
    """One row of `requests`, without text. `now` is the moment of `end`."""
    tally = end.tally
    cost = bill(tally, prices)
    in_cloud = [leg.tokens for leg in tally.cloud_legs]
    arrived = now.astimezone(UTC).replace(tzinfo=None) - timedelta(seconds=tally.total_s)
    return {
        "request_id": ask.request_id,
        "at": arrived,
        "day": arrived.date().isoformat(),
        "key_id": ask.key_id,
        "model": ask.model,
        "mode": plan.mode.value if plan else "none",
        "level": plan.level if plan else 0,
        "reason": plan.why.code if plan else "",
        "forced": plan.forced if plan else False,
        "finish_reason": end.finish_reason,
        "error": end.error,
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.completion_tokens,
        "cloud_prompt_tokens": sum(tokens.prompt for tokens in in_cloud),
        "cloud_cached_tokens": sum(tokens.cached for tokens in in_cloud),
        "cloud_completion_tokens": sum(tokens.completion for tokens in in_cloud),
        "edge_completion_tokens": sum(leg.tokens.completion for leg in tally.edge_legs),
        "estimated": any(leg.tokens.estimated for leg in tally.legs),
        "first_token_s": tally.first_token_s,
        "total_s": tally.total_s,
        "currency": cost.currency,
        "cost": cost.total,
        "cloud_only_cost": cost.cloud_only,
    }


def rows_of(plan: Plan | None, tally: Tally) -> dict[Table, list[Values]]:
    """The rows of every other table, without the request they belong to."""
    return {
        legs: [_leg(leg) for leg in tally.legs],
        qualities: [
            {"leg": number, "kept": leg.kept, **leg.quality.as_data()}
            for number, leg in enumerate(tally.legs)
            if leg.quality is not None
        ],
        waits: [
            {"leg": number, "waited_s": leg.waited_s}
            for number, leg in enumerate(tally.legs)
            if leg.waited_s is not None and leg.waited_s >= _WAITED_S
        ],
        passages: [{name: getattr(passage, name) for name in _PASSAGE} for passage in tally.passages],
        stalls: [{name: getattr(stall, name) for name in _STALL} for stall in tally.stalls.values()],
        forecasts: _forecast(plan),
    }


def _forecast(plan: Plan | None) -> list[Values]:
    """One row, none where nothing was forecast."""
    if plan is None or plan.forecast is None:
        return []
    low, middle, high = (plan.forecast.quantile(share) for share in (0.1, 0.5, 0.9))
    chosen = plan.chosen
    row = {
        "service_level": plan.service.value,
        "answer_tokens_p10": low,
        "answer_tokens_p50": middle,
        "answer_tokens_p90": high,
        "first_token_s": chosen and chosen.first_s,
        "finish_s": chosen and chosen.finish_s,
        "cloud_tokens": chosen and chosen.cloud_tokens,
        "edge_tokens": chosen and chosen.edge_tokens,
        "numbers": dict(plan.numbers),
    }
    return [row]


def _leg(leg: LegRecord) -> Values:
    return {
        "kind": leg.kind.value,
        "where": leg.where,
        "model": leg.model,
        "point": leg.point,
        "end": leg.end.value,
        "error": leg.error,
        "started_s": leg.started_s,
        "first_token_s": leg.first_token_s,
        "ended_s": leg.ended_s,
        "prompt_tokens": leg.tokens.prompt,
        "cached_tokens": leg.tokens.cached,
        "completion_tokens": leg.tokens.completion,
    }


def text_values(ask: Ask, said: Iterable[Event]) -> Values:
    """The text columns of a request. Parses what the cloud path passed on unparsed, so not for the event loop."""
    return {"prompt": [message.as_wire() for message in ask.messages], "answer": "".join(map(_text, said))}


def _text(event: Event) -> str:
    match event:
        case TextDelta(text=text):
            return text
        case RawChunk(data=data):
            try:
                return _first_content(json.loads(data), "delta")
            except ValueError:
                return ""
        case RawReply(body=body):
            return _first_content(body, "message")
        case _:
            return ""


def _first_content(body: object, part: str) -> str:
    """`choices[0][part].content` of a reply that was never validated; empty where it has none."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get(part) if isinstance(choice, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    return content if isinstance(content, str) else ""
