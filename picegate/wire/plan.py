"""A plan as clients see it: in `explain` replies and in response headers."""

from typing import Any

from picegate.core.plan import Forecast, Option, Plan

MODE_HEADER = "x-pice-mode"
REASON_HEADER = "x-pice-reason"


def plan_body(plan: Plan) -> dict[str, Any]:
    return {
        "mode": plan.mode.value,
        "level": plan.level,
        "max_points": plan.max_points,
        "forced": plan.forced,
        "reason": {"code": plan.why.code, "text": plan.why.text},
        "service_level": plan.service.value,
        "forecast": plan.forecast and _forecast(plan.forecast),
        "predicted": plan.chosen and _option(plan.chosen),
        "options": [_option(option) | {"chosen": option is plan.chosen} for option in plan.options],
        "notes": list(plan.notes),
        "numbers": dict(plan.numbers),
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        "prompt_tokens": forecast.prompt_tokens,
        "answer_tokens": forecast.answer_tokens,
        "mean_tokens": round(forecast.mean_tokens),
        "p10_tokens": forecast.quantile(0.1),
        "p90_tokens": forecast.quantile(0.9),
        "delegable": round(forecast.delegable, 2),
        "chained": round(forecast.chained, 2),
        "hard": round(forecast.hard, 2),
        "because": forecast.because,
    }


def _option(option: Option) -> dict[str, Any]:
    """Times in seconds. `again_tokens`: of the tokens, those for repairs. `out`: why it was not to be chosen."""
    return {
        "mode": option.mode.value,
        "level": option.level,
        "points": option.points,
        "first_token_s": round(option.first_s, 3),
        "finish_s": round(option.finish_s, 3),
        "cloud_tokens": round(option.cloud_tokens),
        "edge_tokens": round(option.edge_tokens),
        "again_tokens": {"cloud": round(option.again_cloud), "edge": round(option.again_edge)},
        "cost": round(option.cost, 3),
        "out": option.out or None,
    }


def plan_headers(plan: Plan) -> dict[str, str]:
    """The reason is "code: sentence", in printable ASCII, since that is all that a header may hold."""
    reason = " ".join(f"{plan.why.code}: {plan.why.text}".split())
    if not (reason.isascii() and reason.isprintable()):
        reason = "".join(c if " " <= c <= "~" else "?" for c in reason)
    return {MODE_HEADER: plan.mode.value, REASON_HEADER: reason}


def plan_sentence(plan: Plan) -> str:
    """The plan for a person who asked what would happen."""
    how = f"{plan.mode.value} mode" + (f" at level {plan.level}" if plan.level else "")
    points = f", with at most {plan.max_points} delegated points" if plan.max_points else ""
    notes = "".join(f" Note: {note}." for note in plan.notes)
    return f"This question would be answered in {how}{points}. Reason: {plan.why.text}.{notes} Nothing was run."
