"""The book of requests: listens to their events and writes one row each, from a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, Table

from picegate.accounting.bulk import Bulk
from picegate.accounting.prices import Prices
from picegate.accounting.reader import Reader
from picegate.accounting.rows import Values, request_values, rows_of, text_values
from picegate.accounting.tables import metadata, requests, weighings
from picegate.accounting.weighing import weighing
from picegate.core.chat import Ask
from picegate.core.events import Event, Finished, Planned, RawChunk, RawReply, TextDelta
from picegate.core.plan import Plan
from picegate.core.value import value

log = logging.getLogger(__name__)

WAITING_LIMIT = 10_000  # finished requests held while the database is slow; more are lost and counted
BATCH = 500  # requests per transaction
GATHER_S = 0.25  # requests are written together with those that end within this time: each transaction has its price


@dataclass(slots=True)
class _Open:
    """A request under way."""

    ask: Ask
    plan: Plan | None = None
    said: list[Event] = field(default_factory=list)


@value
class _Entry:
    """A finished one, ready to be written. `said` is empty unless text is stored."""

    request: Values
    rows: dict[Table, list[Values]]
    ask: Ask
    plan: Plan | None
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
        self._bulk = {table: Bulk(table, engine.dialect) for table in metadata.sorted_tables}
        # By identity: two requests may carry the same id, but each is one Ask from its first event to its last.
        self._open: dict[int, _Open] = {}
        self._waiting: deque[_Entry] = deque()
        self._some = threading.Event()  # there are entries, or there will be no more
        self._closing = threading.Event()
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
        self._closing.set()
        self._some.set()
        self._writer.join()

    def _finish(self, of: _Open, end: Finished) -> None:
        request = request_values(of.ask, of.plan, end, self._prices, self._now())
        if self._closing.is_set():
            self.lost += 1
            return
        if len(self._waiting) >= WAITING_LIMIT:
            self.lost += 1
            log.error(
                "the ledger's database is too slow: a request was not recorded", extra={"request_id": of.ask.request_id}
            )
            return
        self._waiting.append(_Entry(request, rows_of(of.plan, end.tally), of.ask, of.plan, of.said))
        if not self._some.is_set():  # waking the thread for every request would cost more than its row
            self._some.set()

    def _write_until_closed(self) -> None:
        while self._waiting or not self._closing.is_set():
            self._some.wait()
            self._closing.wait(GATHER_S)
            if not self._closing.is_set():
                self._some.clear()  # before the look at what waits: what comes after it sets it again
            while self._waiting:
                self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    def _write(self, entries: list[_Entry]) -> None:
        try:
            with self._engine.begin() as connection:
                self._insert(connection, entries)
        except Exception:  # the thread must outlive whatever a database driver raises
            self.lost += len(entries)
            log.exception("the ledger could not record %d requests", len(entries))

    def _insert(self, connection: Connection, entries: list[_Entry]) -> None:
        """The database numbers the requests, and the rows of the other tables name those numbers."""
        rows = [entry.request | (text_values(entry.ask, entry.said) if self._store_text else {}) for entry in entries]
        numbers = self._bulk[requests].number(connection, rows)
        of_table: dict[Table, list[Values]] = {}
        for number, entry in zip(numbers, entries, strict=True):
            for table, values in (*entry.rows.items(), (weighings, weighing(entry.plan))):
                if values:
                    of_table.setdefault(table, []).extend(row | {"request": number} for row in values)
        for table, all_rows in of_table.items():
            self._bulk[table].write(connection, all_rows)
