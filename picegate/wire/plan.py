"""A plan as clients see it: in `explain` replies and in response headers."""

from typing import Any

from picegate.core.plan import Plan

MODE_HEADER = "x-pice-mode"
REASON_HEADER = "x-pice-reason"


def plan_body(plan: Plan) -> dict[str, Any]:
    forecast = plan.forecast
    return {
        "mode": plan.mode.value,
        "level": plan.level,
        "max_points": plan.max_points,
        "forced": plan.forced,
        "reason": {"code": plan.why.code, "text": plan.why.text},
        "forecast": forecast and {"prompt_tokens": forecast.prompt_tokens, "answer_tokens": forecast.answer_tokens},
        "notes": list(plan.notes),
        "numbers": dict(plan.numbers),
    }


def plan_headers(plan: Plan) -> dict[str, str]:
    """The reason is "code: sentence", in printable ASCII, since that is all that a header may hold."""
    reason = " ".join(f"{plan.why.code}: {plan.why.text}".split())
    return {MODE_HEADER: plan.mode.value, REASON_HEADER: "".join(c if " " <= c <= "~" else "?" for c in reason)}


def plan_sentence(plan: Plan) -> str:
    """The plan for a person who asked what would happen."""
    how = f"{plan.mode.value} mode" + (f" at level {plan.level}" if plan.level else "")
    points = f", with at most {plan.max_points} delegated points" if plan.max_points else ""
    notes = "".join(f" Note: {note}." for note in plan.notes)
    return f"This question would be answered in {how}{points}. Reason: {plan.why.text}.{notes} Nothing was run."
