"""Logs: one line per request, and whatever else the rooms have to say. Never the text of prompts or answers."""

import json
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from picegate.core.chat import Ask
from picegate.core.events import Event, Finished, Planned
from picegate.core.plan import Plan
from picegate.core.usage import Tally
from picegate.settings import LoggingSettings

log = logging.getLogger("picegate.requests")

REQUEST_ID = "request_id"  # give it as `extra` to any log call that is about one request


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a request as a message: put into words by whoever writes it, and only there."""

    ask: Ask
    plan: Plan | None
    end: Finished

    def __str__(self) -> str:
        plan, end, tally = self.plan, self.end, self.end.tally
        mode = "none" if plan is None else f"{plan.mode.value}-{plan.level}" if plan.level else plan.mode.value
        error = f" {end.error}" if end.error else ""
        cloud, edge, nodes = _written(tally)
        on = f" on {', '.join(nodes)}" if nodes else ""
        first = "never" if tally.first_token_s is None else f"{tally.first_token_s:.2f}s"
        return (
            f"{mode} ({plan.why.code if plan else ''}) {end.finish_reason}{error}: {tally.completion_tokens} tokens, "
            f"cloud wrote {cloud}, edge {edge}{on}; first {first}, total {tally.total_s:.2f}s"
        )

    def fields(self) -> dict[str, Any]:
        """What a JSON line carries as its own members."""
        plan, end, tally = self.plan, self.end, self.end.tally
        cloud, edge, nodes = _written(tally)
        return {
            "key_id": self.ask.key_id,
            "model": self.ask.model,
            "mode": plan.mode.value if plan else None,
            "sketch_level": plan.level if plan else 0,
            "reason": plan.why.code if plan else "",
            "finish_reason": end.finish_reason,
            "finish_error": end.error,
            "completion_tokens": tally.completion_tokens,
            "cloud_tokens": cloud,
            "edge_tokens": edge,
            "nodes": nodes,
            "first_token_s": tally.first_token_s,
            "total_s": tally.total_s,
        }


def _written(tally: Tally) -> tuple[int, int, list[str]]:
    """Tokens by the cloud, tokens by the edge, and the nodes that were asked."""
    cloud = edge = 0
    nodes: dict[str, None] = {}
    for leg in tally.legs:
        if leg.is_cloud:
            cloud += leg.tokens.completion
        else:
            edge += leg.tokens.completion
            nodes[leg.where] = None
    return cloud, edge, list(nodes)


class JsonLines(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, request_id, a request's figures, an error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, REQUEST_ID, None):
            line[REQUEST_ID] = request_id
        if isinstance(record.msg, Ended):
            line |= record.msg.fields()
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """For people: time, level, logger, message, and the request it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self._second, self._words = 0, ""  # the last second that was put into words

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        second = int(record.created)
        if second != self._second:
            self._second, self._words = second, super().formatTime(record, self.default_time_format)
        return f"{self._words},{record.msecs:03.0f}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        request_id = getattr(record, REQUEST_ID, None)
        return super().formatMessage(record) + (f" [{request_id}]" if request_id else "")


def configure(settings: LoggingSettings) -> None:
    """Send everything to stderr in the chosen form. Replaces what was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    # As logging's documentation advises where speed counts: no line shows its thread, its process or where it was made.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    # These speak of every call; at our info level that would be a line per upstream leg.
    for chatty in ("aiohttp", "httpx2", "httpcore2", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


class RequestLog:
    """Writes one line when a request ends: the reason of its plan, tokens, nodes and times."""

    def __init__(self) -> None:
        self._plans: dict[int, Plan] = {}  # of open requests, by the identity of their Ask

    def listen(self, ask: Ask, event: Event) -> None:
        match event:
            case Planned(plan=plan):
                self._plans[id(ask)] = plan
            case Finished():
                made = self._plans.pop(id(ask), None)
                level = logging.WARNING if event.finish_reason == "error" else logging.INFO
                if log.isEnabledFor(level):
                    log.log(level, Ended(ask, made, event), extra={REQUEST_ID: ask.request_id})
            case _:
                pass
