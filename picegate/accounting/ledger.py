"""The book of requests: listens to their events and writes one row each, from a thread of its own."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert

from picegate.accounting.prices import Prices
from picegate.accounting.reader import Reader
from picegate.accounting.rows import Values, forecast_values, leg_values, quality_values, request_values, text_values
from picegate.accounting.tables import forecasts, legs, qualities, requests
from picegate.core.chat import Ask
from picegate.core.events import Event, Finished, Planned, RawChunk, RawReply, TextDelta
from picegate.core.plan import Plan

log = logging.getLogger(__name__)

WAITING_LIMIT = 10_000  # finished requests held while the database is slow; more are lost and counted
BATCH = 100  # rows per transaction


@dataclass(slots=True)
class _Open:
    """A request under way."""

    ask: Ask
    plan: Plan | None = None
    said: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A finished one, ready to be written. `said` is empty unless text is stored."""

    request: Values
    legs: list[Values]
    qualities: list[Values]
    forecast: Values | None
    ask: Ask
    said: list[Event]


class Ledger(Reader):
    """Never in the way of an answer: what the database refuses is logged and counted in `lost`, never raised."""

    def __init__(
        self,
        engine: Engine,
        prices: Prices,
        *,
        store_text: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(engine)
        self.lost = 0
        self._prices = prices
        self._store_text = store_text
        self._now = now
        # By identity: two requests may carry the same id, but each is one Ask from its first event to its last.
        self._open: dict[int, _Open] = {}
        self._waiting: queue.Queue[_Entry | None] = queue.Queue(WAITING_LIMIT)
        self._writer = threading.Thread(target=self._write_until_closed, name="ledger", daemon=True)
        self._writer.start()

    def listen(self, ask: Ask, event: Event) -> None:
        """Take note of one event. Call it on the event loop, for every event of every request; it never blocks."""
        match event:
            case Planned(plan=plan):
                self._open.setdefault(id(ask), _Open(ask)).plan = plan
            case TextDelta() | RawChunk() | RawReply() if self._store_text:
                self._open.setdefault(id(ask), _Open(ask)).said.append(event)
            case Finished():
                self._finish(self._open.pop(id(ask), _Open(ask)), event)
            case _:
                pass

    def close(self) -> None:
        """Write what waits, then stop. Blocks until that is done."""
        if self._writer.is_alive():
            self._waiting.put(None)
            self._writer.join()

    def _finish(self, of: _Open, end: Finished) -> None:
        request = request_values(of.ask, of.plan, end, self._prices, self._now())
        if not self._writer.is_alive():
            self.lost += 1
            return
        try:
            made = [leg_values(leg) for leg in end.tally.legs]
            scored = quality_values(end.tally.legs)
            self._waiting.put_nowait(_Entry(request, made, scored, forecast_values(of.plan), of.ask, of.said))
        except queue.Full:
            self.lost += 1
            log.error(
                "the ledger's database is too slow: a request was not recorded", extra={"request_id": of.ask.request_id}
            )

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            batch = [self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            closing = None in batch
            self._write([entry for entry in batch if entry is not None])

    def _write(self, entries: list[_Entry]) -> None:
        try:
            with self._engine.begin() as connection:
                self._insert(connection, entries)
        except Exception:  # the thread must outlive whatever a database driver raises
            self.lost += len(entries)
            log.exception("the ledger could not record %d requests", len(entries))

    def _insert(self, connection: Connection, entries: list[_Entry]) -> None:
        """Requests one by one, since each is given its number here; the rows that need it then all at once."""
        of_legs: list[Values] = []
        of_qualities: list[Values] = []
        of_forecasts: list[Values] = []
        for entry in entries:
            text = text_values(entry.ask, entry.said) if self._store_text else {}
            row = connection.execute(insert(requests).values(entry.request | text)).inserted_primary_key
            if row is None:
                continue
            of_legs += [values | {"request": row[0]} for values in entry.legs]
            of_qualities += [values | {"request": row[0]} for values in entry.qualities]
            if entry.forecast is not None:
                of_forecasts.append(entry.forecast | {"request": row[0]})
        if of_legs:
            connection.execute(insert(legs), of_legs)
        if of_qualities:
            connection.execute(insert(qualities), of_qualities)
        if of_forecasts:
            connection.execute(insert(forecasts), of_forecasts)
