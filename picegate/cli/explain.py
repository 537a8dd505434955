"""`picegate explain`: how a question would be answered, and why, without answering it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from picegate.cli.gateway import Gateway
from picegate.cli.options import (
    LOCAL_URL,
    ConfigOption,
    JsonOption,
    KeyOption,
    LevelOption,
    ModelOption,
    UrlOption,
    complaints,
    settings_of,
)
from picegate.wire.chat import read_chat
from picegate.wire.plan import plan_body


def explain(
    question: Annotated[str, typer.Argument()],
    config: ConfigOption = None,
    url: UrlOption = LOCAL_URL,
    key: KeyOption = None,
    model: ModelOption = "pice",
    level: LevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the running gateway for its plan; with --config, plan here as an idle gateway of that config would."""
    options: dict[str, Any] = {"explain": True} | ({"level": level} if level else {})
    body = {"model": model, "messages": [{"role": "user", "content": question}], "pice": options}
    if config is not None:
        plan = _plan_here(config, body)
    else:
        plan = Gateway(url, key).post("/v1/chat/completions", body)["pice"]["plan"]
    if as_json:
        print(json.dumps(plan, indent=2, ensure_ascii=False))
    else:
        Console().print(_table(plan))


def _plan_here(config: Path, body: dict[str, Any]) -> dict[str, Any]:
    # Here and in serve.py, not above: half of the whole start-up time, which the other commands need not spend.
    from picegate.app import offline_planner

    settings = settings_of(config)
    with complaints():
        ask = read_chat(
            json.dumps(body).encode(),
            request_id="explain",
            aliases=settings.models,
            default_policy=settings.access.data_policy,
        )
        return plan_body(offline_planner(settings)(ask))


def _table(plan: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    rows: dict[str, Any] = {"mode": plan["mode"] + (", as asked for" if plan["forced"] else "")}
    if plan["level"]:
        rows |= {"level": plan["level"], "points": f"at most {plan['max_points']}"}
    rows["reason"] = f"{plan['reason']['text']} ({plan['reason']['code']})"
    if forecast := plan["forecast"]:
        rows["forecast"] = f"{forecast['prompt_tokens']} tokens in, about {forecast['answer_tokens']} out"
    rows |= {f"note {number}": note for number, note in enumerate(plan["notes"], start=1)}
    rows |= {name.replace("_", " "): value for name, value in plan["numbers"].items()}
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(str(value)))
    return table
