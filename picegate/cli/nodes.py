"""`picegate nodes`: the edge nodes that a running gateway knows."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from picegate.cli.gateway import Gateway
from picegate.cli.options import LOCAL_URL, AdminKeyOption, JsonOption, UrlOption


def nodes(url: UrlOption = LOCAL_URL, key: AdminKeyOption = None, as_json: JsonOption = False) -> None:
    """List the nodes, their state, load and measured speed, and how good their models are.

    Prefill and decode are what an agent has measured of itself, in tok/s: reading one prompt, and all answers together
    where it writes 1, 2, 4, ... at once. Of a model's passages that were scored, those are sound that needed no repair,
    and won is what was kept of points that other models wrote, too. Old passages count less.
    """
    reply = Gateway(url, key).get("/admin/v1/nodes")
    found: list[dict[str, Any]] = reply["data"]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif not found:
        print("no nodes: register an agent, or list static ones under [[nodes]] in the config")
    else:
        Console().print(_table(found))
        if models := reply["models"]:
            Console().print("", _skills(models))


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(
        "name", "state", "kind", "model", "free", "speed", "first token", "prefill", "decode together", "url", box=None
    )
    for node in found:
        speed, first = node["tokens_per_s"], node["first_token_s"]
        table.add_row(
            Text(node["name"]),
            node["state"],
            node["kind"],
            _models(node),
            f"{node['free']}/{node['slots']}",
            "-" if speed is None else f"{speed:.1f} tok/s",
            "-" if first is None else f"{first:.2f}s",
            *_curve(node["curve"] or {}),
            Text(node["url"]),
        )
    return table


def _models(node: dict[str, Any]) -> Text:
    shown = Text(", ".join(model["name"] for model in node["models"]) or node["model"])
    return shown.append(" keeps losing", "red") if (node["skill"] or {}).get("loses") else shown


def _skills(models: dict[str, dict[str, Any]]) -> Table:
    table = Table("model", "passages", "sound", "contests", "won", "", box=None)
    for name, score in models.items():
        loses_at = [kind for kind, of_kind in score["kinds"].items() if of_kind["loses"]]
        verdict = "keeps losing" if score["loses"] else f"keeps losing at {', '.join(loses_at)}" if loses_at else ""
        table.add_row(
            Text(name),
            str(score["passages"]),
            _share(score["sound"]),
            str(score["contests"]),
            _share(score["won"]),
            Text(verdict, "red"),
        )
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _curve(curve: dict[str, Any]) -> tuple[str, str]:
    prefill, decode = curve.get("prefill"), curve.get("decode")
    return (
        f"{prefill['tokens_per_s']:.0f} tok/s" if prefill else "-",
        ", ".join(f"{rate['sequences']}: {rate['tokens_per_s']:.0f}" for rate in decode) if decode else "-",
    )
