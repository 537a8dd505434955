"""What the planner has learnt, kept in the database, so that a restart does not forget it."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import JSON, Column, DateTime, Engine, MetaData, String, Table, delete, insert, select

from picegate.database import create_tables

EVERY_S = 60.0

log = logging.getLogger(__name__)

metadata = MetaData()
learned = Table(
    "planner_memory",
    metadata,
    Column("name", String(64), primary_key=True),  # which part of the planner
    Column("at", DateTime, nullable=False),  # UTC
    Column("data", JSON, nullable=False),  # carries its own version
)


class Memory:
    """Never in the way of an answer: what the database refuses is logged, and learning goes on from what is there."""

    def __init__(self, engine: Engine) -> None:
        create_tables(engine, metadata)
        self._engine = engine

    def read(self) -> dict[str, Any]:
        """Each part that was written, by its name; those that cannot be read are left out."""
        try:
            with self._engine.connect() as connection:
                names = connection.scalars(select(learned.c.name)).all()
        except Exception:
            log.exception("what the planner had learnt cannot be read; it begins anew")
            return {}
        parts: dict[str, Any] = {}
        for name in names:
            try:
                with self._engine.connect() as connection:
                    parts[name] = connection.scalar(select(learned.c.data).where(learned.c.name == name))
            except Exception as error:
                log.warning("what the planner had learnt of %s cannot be read, so that begins anew: %s", name, error)
        return parts

    def write(self, parts: Mapping[str, Any]) -> None:
        """Replace what is kept of these parts."""
        now = datetime.now(UTC).replace(tzinfo=None)
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(learned).where(learned.c.name.in_(parts)))
                connection.execute(
                    insert(learned), [{"name": name, "at": now, "data": data} for name, data in parts.items()]
                )
        except Exception:
            log.exception("what the planner has learnt could not be written down")

    async def keep(self, parts: Callable[[], Mapping[str, Any]]) -> None:
        """Write `parts()` now and then, until cancelled."""
        while True:
            await anyio.sleep(EVERY_S)
            await anyio.to_thread.run_sync(self.write, parts())
