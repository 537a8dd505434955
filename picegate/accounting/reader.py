"""Questions to the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, RowMapping, Table, case, distinct, func, select

from picegate.accounting.tables import (
    forecasts,
    legs,
    metadata,
    passages,
    qualities,
    requests,
    stalls,
    waits,
    weighings,
)
from picegate.accounting.weighing import unweighed, weighed
from picegate.core.usage import LegEnd
from picegate.database import create_tables

GroupBy = Literal["mode", "model", "day", "key", "reason"]
COLUMNS: dict[GroupBy, str] = {"mode": "mode", "model": "model", "day": "day", "key": "key_id", "reason": "reason"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests of one group and one currency. Means are over the requests that have the figure; None if none has."""

    group: str
    currency: str
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    cloud_tokens: int  # prompt and completion of every cloud leg
    edge_tokens: int  # completion of every edge leg
    cost: float
    cloud_only_cost: float  # estimated
    mean_first_token_s: float | None
    mean_total_s: float | None

    @property
    def saved(self) -> float:
        return self.cloud_only_cost - self.cost


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """What one writer ("cloud" or a node's name) did. `tokens`: what it wrote; `busy_s`: its calls' times, summed."""

    node: str
    requests: int
    legs: int
    failed: int
    tokens: int
    busy_s: float


class Reader:
    """Reads the ledger of any process: the command line uses it beside a running gateway."""

    def __init__(self, engine: Engine) -> None:
        create_tables(engine, metadata)
        self._engine = engine

    def summary(self, *, since: datetime | None = None, by: GroupBy = "mode") -> list[Usage]:
        """Totals per group, days in order, else the busiest group first."""
        t = requests.c
        group = func.coalesce(requests.c[COLUMNS[by]], "").label("group")
        count = func.count().label("requests")
        query = (
            select(
                group,
                t.currency,
                count,
                func.sum(case((t.finish_reason == "error", 1), else_=0)).label("errors"),
                func.sum(t.prompt_tokens).label("prompt_tokens"),
                func.sum(t.completion_tokens).label("completion_tokens"),
                func.sum(t.cloud_prompt_tokens + t.cloud_completion_tokens).label("cloud_tokens"),
                func.sum(t.edge_completion_tokens).label("edge_tokens"),
                func.sum(t.cost).label("cost"),
                func.sum(t.cloud_only_cost).label("cloud_only_cost"),
                func.avg(t.first_token_s).label("mean_first_token_s"),
                func.avg(t.total_s).label("mean_total_s"),
            )
            .where(_from(since))
            .group_by(group, t.currency)
            .order_by(group if by == "day" else count.desc(), group)
        )
        with self._engine.connect() as connection:
            return [Usage(**row) for row in connection.execute(query).mappings()]

    def nodes(self, *, since: datetime | None = None) -> list[NodeUsage]:
        """Totals per writer, the one that wrote most first."""
        tokens = func.sum(legs.c.completion_tokens).label("tokens")
        query = (
            select(
                legs.c["where"].label("node"),
                func.count(distinct(legs.c.request)).label("requests"),
                func.count().label("legs"),
                func.sum(case((legs.c.end == LegEnd.FAILED.value, 1), else_=0)).label("failed"),
                tokens,
                func.coalesce(func.sum(legs.c.ended_s - legs.c.started_s), 0.0).label("busy_s"),
            )
            .join_from(legs, requests)
            .where(_from(since))
            .group_by(legs.c["where"])
            .order_by(tokens.desc(), legs.c["where"])
        )
        with self._engine.connect() as connection:
            return [NodeUsage(**row) for row in connection.execute(query).mappings()]

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The request with its `legs`, `passages`, `stalls`, `nodes` and `forecast` (None where nothing was forecast).

        Each leg has its `quality` (None: not scored), `kept` as there, and `waited_s` (None: it did not wait); each
        passage its `stall` (None: nobody had to wait in it). `stalls` has all of them, the longest first. The
        forecast has the `options` that were weighed, as `explain` shows them; none where a rule or the client decided.
        The latest, should the id have been used twice. None if unknown.
        """
        found = self._requests(requests.c.request_id == request_id, 1)
        return found[0] if found else None

    def recent(self, n: int = 20) -> list[dict[str, Any]]:
        """The last `n` requests, newest first, each as `find` gives it."""
        return self._requests(requests.c.id > 0, n)

    def _requests(self, wanted: ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(requests).where(wanted).order_by(requests.c.id.desc()).limit(limit)
            ).mappings()
            found = {row["id"]: _plain(requests, row) | _nothing_yet() for row in rows}

            def of(table: Table, *order: ColumnElement[Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
                """The rows of `table`, each behind the request that it belongs to."""
                query = select(table).where(table.c.request.in_(found)).order_by(*order)
                for row in connection.execute(query).mappings():
                    yield found[row["request"]], _plain(table, row)

            for request, forecast in of(forecasts):
                request["forecast"] = forecast | unweighed()
            for request, row in of(weighings):
                request["forecast"] |= weighed(row)
            for request, leg in of(legs, legs.c.id):
                request["legs"].append(leg | {"quality": None, "kept": None, "waited_s": None})
                if leg["where"] not in ("cloud", *request["nodes"]):
                    request["nodes"].append(leg["where"])
            for request, quality in of(qualities):
                request["legs"][quality["leg"]] |= {"quality": quality, "kept": quality["kept"]}
            for request, wait in of(waits):
                request["legs"][wait["leg"]]["waited_s"] = wait["waited_s"]
            for request, passage in of(passages, passages.c.segment):
                request["passages"].append(passage | {"stall": None})
            for request, stall in of(stalls, stalls.c.longest_s.desc()):
                request["stalls"].append(stall)
                for passage in request["passages"]:
                    if passage["segment"] == stall["segment"]:
                        passage["stall"] = stall
        return list(found.values())


def _nothing_yet() -> dict[str, Any]:
    return {"legs": [], "passages": [], "stalls": [], "nodes": [], "forecast": None}


def _from(since: datetime | None) -> ColumnElement[bool]:
    if since is None:
        return requests.c.id > 0
    return requests.c.at >= since.astimezone(UTC).replace(tzinfo=None)


def _plain(table: Table, row: RowMapping) -> dict[str, Any]:
    """A row as data: without our own numbering, times with their zone."""
    keys = [column.name for column in table.columns if column.name not in ("id", "request")]
    return {key: row[key].replace(tzinfo=UTC) if isinstance(row[key], datetime) else row[key] for key in keys}
