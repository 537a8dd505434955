"""`picegate explain`: how a question would be answered, and why, without answering it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
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
        Console().print(Group(_table(plan), *_options(plan)))


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
        tokens = f"{forecast['answer_tokens']} ({forecast['p10_tokens']} to {forecast['p90_tokens']})"
        rows["forecast"] = f"{forecast['prompt_tokens']} tokens in, about {tokens} out"
        rows["can be delegated"] = f"{forecast['delegable']:.0%}, of it {forecast['chained']:.0%} in one piece"
        if forecast["because"]:
            rows["length because of"] = ", ".join(f"{name} x{factor:g}" for name, factor in forecast["because"].items())
    rows["service level"] = plan["service_level"]
    rows |= {f"note {number}": note for number, note in enumerate(plan["notes"], start=1)}
    rows |= {name.replace("_", " "): value for name, value in plan["numbers"].items()}
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(str(value)))
    return table


def _options(plan: dict[str, Any]) -> Iterator[Table]:
    """Every way that was weighed, if any was; the cost is in seconds."""
    if not plan["options"]:
        return
    table = Table("", "mode", "first token", "done", "cloud tokens", "edge tokens", "cost", "", box=None)
    for option in plan["options"]:
        table.add_row(
            "->" if option["chosen"] else "",
            option["mode"] + (f" {option['level']}" if option["level"] else ""),
            f"{option['first_token_s']:.2f} s",
            f"{option['finish_s']:.1f} s",
            str(option["cloud_tokens"]),
            str(option["edge_tokens"]),
            f"{option['cost']:.1f}",
            option["out"] or "",
        )
    yield table
