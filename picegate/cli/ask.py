"""`picegate ask`: a question to the running gateway, its answer as it comes."""

import sys
from typing import Annotated, Any

import typer

from picegate.cli.gateway import Gateway
from picegate.cli.options import LOCAL_URL, KeyOption, LevelOption, ModelOption, UrlOption


def ask(
    question: Annotated[str, typer.Argument()],
    url: UrlOption = LOCAL_URL,
    key: KeyOption = None,
    model: ModelOption = "pice",
    level: LevelOption = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Bound on the whole answer.")] = None,
) -> None:
    """Ask the running gateway; the answer goes to stdout, how it was made to stderr."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if level is not None:
        body["pice"] = {"level": level}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    usage: dict[str, Any] = {}
    for chunk in Gateway(url, key).stream("/v1/chat/completions", body):
        for choice in chunk.get("choices", ()):
            print(choice["delta"].get("content") or "", end="", flush=True)
        usage = chunk.get("usage") or usage
    print()
    if made := usage.get("pice"):
        print(_made(made), file=sys.stderr)


def _made(pice: dict[str, Any]) -> str:
    """One line from the reply's `usage.pice`."""
    cost, times, nodes = pice["cost"], pice["timings"], ", ".join(pice["nodes"])
    wrote = f"cloud wrote {pice['cloud_tokens']['completion']} tokens, edge {pice['edge_tokens']['completion']}"
    first = "never" if times["first_token_s"] is None else f"{times['first_token_s']:.2f}s"
    return (
        f"{pice['mode']} ({pice['reason']}): {wrote}{f' on {nodes}' if nodes else ''}; first {first}, "
        f"total {times['total_s']:.2f}s; saved about {cost['saved_estimate']:.6f} {cost['currency']}"
    )
