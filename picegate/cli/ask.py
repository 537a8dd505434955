"""`picegate ask`: a question to the running gateway, its answer as it comes."""

import json
import secrets
import sys
from contextlib import closing
from typing import Annotated, Any, TextIO

import typer

from edge_agent.protocol import REQUEST_ID_HEADER
from picegate.cli.gateway import Gateway
from picegate.cli.options import LOCAL_URL, KeyOption, LevelOption, ModelOption, UrlOption
from picegate.cli.trace import await_record, draw, look_up


def ask(
    question: Annotated[str, typer.Argument()],
    url: UrlOption = LOCAL_URL,
    key: KeyOption = None,
    model: ModelOption = "pice",
    level: LevelOption = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Bound on the whole answer.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Draw the request's timeline below its answer.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The timeline as JSON on stdout, and the answer on stderr.")
    ] = False,
    admin_key: Annotated[
        str | None,
        typer.Option(envvar="PICEGATE_ADMIN_KEY", show_envvar=True, help="For the timeline, if --key is no admin's."),
    ] = None,
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
    heard = Heard(sys.stderr if as_json else sys.stdout)
    gateway, request_id = Gateway(url, key), f"ask-{secrets.token_hex(6)}"
    if not (trace or as_json):
        heard.listen(gateway, body, request_id)
        if made := heard.usage.get("pice"):
            print(_made(made), file=sys.stderr)
        return
    ledger = Gateway(url, admin_key or key)
    look_up(ledger, request_id)  # before anything is paid for: a key that does not open it ends the program here
    try:
        heard.listen(gateway, body, request_id)
    finally:
        if heard.begun:  # also where the answer broke off: then there is most to see
            record = await_record(ledger, request_id)
            if as_json:
                print(json.dumps(record, indent=2, ensure_ascii=False))
            else:
                print(file=sys.stderr)
                draw(record, question=question, texts=heard.texts, to_stderr=True)


class Heard:
    """An answer as it is printed to `out`, and what its chunks told of it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.begun = False
        self.usage: dict[str, Any] = {}
        self.texts: dict[int, str] = {}  # by segment

    def listen(self, gateway: Gateway, body: dict[str, Any], request_id: str) -> None:
        segment = 0
        chunks = gateway.stream("/v1/chat/completions", body, {REQUEST_ID_HEADER: request_id})
        with closing(chunks):  # whoever breaks off tells the gateway at once
            for chunk in chunks:
                self.begun = True
                segment = (chunk.get("pice") or {}).get("segment", segment)
                for choice in chunk.get("choices", ()):
                    text = choice["delta"].get("content") or ""
                    self.texts[segment] = self.texts.get(segment, "") + text
                    print(text, end="", file=self._out, flush=True)
                self.usage = chunk.get("usage") or self.usage
        print(file=self._out)


def _made(pice: dict[str, Any]) -> str:
    """One line from the reply's `usage.pice`."""
    cost, times, nodes = pice["cost"], pice["timings"], ", ".join(pice["nodes"])
    wrote = f"cloud wrote {pice['cloud_tokens']['completion']} tokens, edge {pice['edge_tokens']['completion']}"
    first = "never" if times["first_token_s"] is None else f"{times['first_token_s']:.2f}s"
    return (
        f"{pice['mode']} ({pice['reason']}): {wrote}{f' on {nodes}' if nodes else ''}; first {first}, "
        f"total {times['total_s']:.2f}s; saved about {cost['saved_estimate']:.6f} {cost['currency']}"
    )
