"""`picegate trace`: how a request was answered, as a timeline."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from picegate.cli.gateway import Gateway
from picegate.cli.lane import PLAIN, Marks
from picegate.cli.options import FAILED, LOCAL_URL, AdminKeyOption, JsonOption, UrlOption, complain
from picegate.cli.timeline import timeline

NEEDS = "timelines are shown to admin keys only: picegate keys create NAME --admin, then PICEGATE_ADMIN_KEY=..."
PATIENCE_S = 5.0  # the ledger gathers what ends for a quarter of a second; a busy database takes longer
POLL_S = 0.1
UNKNOWN_WIDTH, PIPE_WIDTH = 80, 100  # what rich takes, and what we take, where no terminal tells its width


def trace(
    request_id: Annotated[str, typer.Argument(help="As its reply's header x-request-id names it.")],
    url: UrlOption = LOCAL_URL,
    key: AdminKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a request's timeline from the running gateway's ledger: who waited, read and wrote when."""
    record = look_up(Gateway(url, key), request_id)
    if record is None:
        complain(f"the gateway at {url} has no record of a request {request_id!r}")
        raise typer.Exit(FAILED)
    if as_json:
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        draw(record)


def look_up(gateway: Gateway, request_id: str) -> Any | None:
    """The request's record, None where there is none (yet)."""
    return gateway.find(f"/admin/v1/requests/{quote(request_id, safe='')}", needs=NEEDS)


def await_record(
    gateway: Gateway, request_id: str, pause: Callable[[float], None] = time.sleep, patience_s: float = PATIENCE_S
) -> Any:
    """The record of a request that has just ended."""
    for _ in range(round(patience_s / POLL_S)):
        if (record := look_up(gateway, request_id)) is not None:
            return record
        pause(POLL_S)
    complain(f"the ledger has not written the request yet; later: picegate trace {request_id}")
    raise typer.Exit(FAILED)


def draw(
    record: Mapping[str, Any], *, question: str = "", texts: Mapping[int, str] | None = None, to_stderr: bool = False
) -> None:
    console = Console(stderr=to_stderr, highlight=False)
    unknown = not console.is_terminal and console.width == UNKNOWN_WIDTH
    width = PIPE_WIDTH if unknown else console.width
    marks = PLAIN if console.options.ascii_only else Marks()
    for line in timeline(record, width, marks, question=question, texts=texts):
        console.print(line, width=width, no_wrap=True, overflow="ignore", crop=False)
