"""Many rows of one table in one statement."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Column, Connection, CursorResult, DateTime, Dialect, Table, insert

Row = Mapping[str, Any]

_HAS_JSON = sqlite3.sqlite_version_info >= (3, 38)  # as a part of it that cannot be left out


class Bulk:
    """Inserts rows of one table, many at a time; columns that a row does not name stay NULL.

    SQLite gets the rows as one text of JSON and takes them apart itself, without Python's lock: SQLAlchemy's way and
    the driver's hold it for longer than SQLite takes to write the rows, and requests wait for it meanwhile.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._table = table
        self._reads_json = dialect.name == "sqlite" and _HAS_JSON
        columns = [column for column in table.c if column.name != "id"]
        quote = dialect.identifier_preparer.quote
        # It must begin with INSERT: before other words Python's driver begins no transaction. Materialized: else a row
        # is put into words anew for every column.
        self._statement = (
            f"INSERT INTO {quote(table.name)} ({', '.join(quote(column.name) for column in columns)}) "  # noqa: S608
            "WITH given (one) AS MATERIALIZED (SELECT value FROM json_each(?)) "
            f"SELECT {', '.join(map(_value, columns))} FROM given"
        )

    def write(self, connection: Connection, rows: Sequence[Row]) -> None:
        if self._from_json(connection, rows) is None:
            connection.execute(insert(self._table), rows)

    def number(self, connection: Connection, rows: Sequence[Row]) -> Sequence[int]:
        """As `write`, for a table that numbers its rows: their ids, in the same order."""
        written = self._from_json(connection, rows)
        if written is None:
            returned = insert(self._table).returning(self._table.c.id, sort_by_parameter_order=True)
            return connection.scalars(returned, rows).all()
        # Each gets the number after the largest there is, in a transaction that nobody else writes in.
        return range(written.lastrowid - len(rows) + 1, written.lastrowid + 1)

    def _from_json(self, connection: Connection, rows: Sequence[Row]) -> CursorResult[Any] | None:
        """None: nothing is written, since the database does not read JSON or it would lose something of it."""
        if not self._reads_json:
            return None
        try:
            text = orjson.dumps(rows)
        except TypeError:
            return None
        if b"\\u0000" in text:  # SQLite's JSON would end a text there
            return None
        return connection.exec_driver_sql(self._statement, (text.decode(),))


def _value(column: Column[Any]) -> str:
    """In SQL, as SQLAlchemy would have written it: times with a space and always with their microseconds."""
    value = f"json_extract(one, '$.{column.name}')"
    if isinstance(column.type, DateTime):
        return f"substr(replace({value}, 'T', ' ') || '.000000', 1, {len('2025-01-31 12:00:00.000000')})"
    return value
