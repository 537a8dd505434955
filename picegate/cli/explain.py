"""`picegate explain`: how a question would be answered, and why, without answering it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from picegate.cli.gateway import Gateway
from picegate.cli.meanings import MEANINGS
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
from picegate.cli.weighed import weighed
from picegate.wire.chat import read_chat
from picegate.wire.plan import plan_body

COST = "cost, in seconds: own finish, delay of others by its tokens, quality and money at risk"


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
        return
    console = Console(highlight=False)
    console.print(_decision(plan))
    console.print()
    for line in _ways(plan):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    for said in _why_no_more(plan, here=config is not None):
        console.print(Text(said))
    console.print()
    console.print(_numbers(plan["numbers"]))


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


def _decision(plan: dict[str, Any]) -> Table:
    rows: dict[str, Any] = {"mode": plan["mode"] + (", as asked for" if plan["forced"] else "")}
    if plan["level"]:
        rows |= {"level": plan["level"], "points": f"at most {plan['max_points']}"}
    rows["reason"] = f"{plan['reason']['text']} ({plan['reason']['code']})"
    if forecast := plan["forecast"]:
        rows["question"] = f"about {forecast['prompt_tokens']} tokens"
        rows["answer"] = (
            f"median {forecast['answer_tokens']} tokens, eight in ten have {forecast['p10_tokens']} to "
            f"{forecast['p90_tokens']}; mean {forecast['mean_tokens']}, which the ways below are reckoned with"
        )
        rows["can be delegated"] = f"{forecast['delegable']:.0%}, of it {forecast['chained']:.0%} in one piece"
        if forecast["because"]:
            rows["length because of"] = ", ".join(f"{name} x{factor:g}" for name, factor in forecast["because"].items())
    rows["service level"] = plan["service_level"]
    rows |= {f"note {number}": note for number, note in enumerate(plan["notes"], start=1)}
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(str(value)))
    return table


def _ways(plan: dict[str, Any]) -> list[Text]:
    """Every way that was weighed; where a rule or the client decided, the one that was left."""
    if ways := plan["options"] or ([plan["predicted"] | {"chosen": True}] if plan["predicted"] else []):
        return [*weighed(ways), Text(COST, "dim")]
    return []


def _why_no_more(plan: dict[str, Any], *, here: bool) -> Iterator[str]:
    if not plan["options"]:
        yield f"No other way was weighed: {plan['reason']['text']}."
        if here and plan["reason"]["code"] == "no_edge":
            yield "Only nodes under [[nodes]] are known here: agents register at a running gateway."


def _numbers(numbers: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    for name, value in numbers.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), Text(str(value)), Text(MEANINGS.get(name, ""), "dim"))
    return table
