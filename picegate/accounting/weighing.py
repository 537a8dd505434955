"""The ways to answer that a plan was chosen from, as the ledger keeps them and gives them back."""

from typing import Any

from picegate.core.plan import Option, Plan

# What each entry of a list in `weighings.options` is. New ones come last: older rows are read by the same list.
_KEPT = (
    *("mode", "level", "points", "first_token_s", "finish_s", "cloud_tokens", "edge_tokens"),
    *("again_cloud", "again_edge", "cost", "out"),
)


def weighing(plan: Plan | None) -> list[dict[str, Any]]:
    """One row of `weighings`, none where a rule or the client decided. Takes its time, so not for the event loop."""
    if plan is None or plan.forecast is None or not plan.options:
        return []
    row = {
        "delegable": round(plan.forecast.delegable, 2),
        "chained": round(plan.forecast.chained, 2),
        "hard": round(plan.forecast.hard, 2),
        "chosen": next((number for number, option in enumerate(plan.options) if option is plan.chosen), None),
        "options": [_kept(option) for option in plan.options],
    }
    return [row]


def weighed(row: dict[str, Any]) -> dict[str, Any]:
    """A row for the eyes: the options have the names and the shape that they have in `explain`."""
    options = [dict(zip(_KEPT, kept, strict=False)) for kept in row["options"]]
    return {
        **{name: row[name] for name in ("delegable", "chained", "hard")},
        "options": [_shown(option) | {"chosen": number == row["chosen"]} for number, option in enumerate(options)],
    }


def unweighed() -> dict[str, Any]:
    """What stands there where nothing was weighed, or where it was not kept yet."""
    return {"delegable": None, "chained": None, "hard": None, "options": []}


def _kept(option: Option) -> list[Any]:
    return [
        option.mode.value,
        option.level,
        option.points,
        round(option.first_s, 3),
        round(option.finish_s, 3),
        round(option.cloud_tokens),
        round(option.edge_tokens),
        round(option.again_cloud),
        round(option.again_edge),
        round(option.cost, 3),
        option.out or None,
    ]


def _shown(option: dict[str, Any]) -> dict[str, Any]:
    again = {"cloud": option.pop("again_cloud"), "edge": option.pop("again_edge")}
    return option | {"again_tokens": again}
