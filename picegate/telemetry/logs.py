"""Logs: one line per request, and whatever else the rooms have to say. Never the text of prompts or answers."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from picegate.core.chat import Ask
from picegate.core.events import Event, Finished, Planned
from picegate.core.plan import Plan
from picegate.settings import LoggingSettings

log = logging.getLogger("picegate.requests")

REQUEST_ID = "request_id"  # give it as `extra` to any log call that is about one request
FIELDS = "fields"  # likewise, a mapping that JSON lines carry as their own members


class JsonLines(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, request_id, the fields, a traceback as error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, REQUEST_ID, None):
            line[REQUEST_ID] = request_id
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """For people: time, level, logger, message, and the request it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

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
                    self._write(level, ask, made, event)
            case _:
                pass

    def _write(self, level: int, ask: Ask, plan: Plan | None, end: Finished) -> None:
        tally = end.tally
        nodes = list(dict.fromkeys(leg.where for leg in tally.edge_legs))
        cloud = sum(leg.tokens.completion for leg in tally.cloud_legs)
        edge = sum(leg.tokens.completion for leg in tally.edge_legs)
        mode = "none" if plan is None else f"{plan.mode.value}-{plan.level}" if plan.level else plan.mode.value
        reason = plan.why.code if plan else ""
        log.log(
            level,
            "%s (%s) %s%s: %d tokens, cloud wrote %d, edge %d%s; first %s, total %.2fs",
            mode,
            reason,
            end.finish_reason,
            f" {end.error}" if end.error else "",
            tally.completion_tokens,
            cloud,
            edge,
            f" on {', '.join(nodes)}" if nodes else "",
            "never" if tally.first_token_s is None else f"{tally.first_token_s:.2f}s",
            tally.total_s,
            extra={
                REQUEST_ID: ask.request_id,
                FIELDS: {
                    "key_id": ask.key_id,
                    "model": ask.model,
                    "mode": plan.mode.value if plan else None,
                    "sketch_level": plan.level if plan else 0,
                    "reason": reason,
                    "finish_reason": end.finish_reason,
                    "finish_error": end.error,
                    "completion_tokens": tally.completion_tokens,
                    "cloud_tokens": cloud,
                    "edge_tokens": edge,
                    "nodes": nodes,
                    "first_token_s": tally.first_token_s,
                    "total_s": tally.total_s,
                },
            },
        )
