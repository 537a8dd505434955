"""Many rows at once: SQLite takes apart a text of JSON, and holds then what SQLAlchemy would have written."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from picegate.accounting.bulk import Bulk
from picegate.accounting.prices import Prices
from picegate.accounting.rows import request_values, rows_of, text_values
from picegate.accounting.tables import legs, metadata, requests
from picegate.core.events import Finished, TextDelta
from picegate.database import create_tables, open_database
from tests.unit.happenings import PROGRESSIVE, ask, progressive_tally

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    create_tables(engine, metadata)
    yield engine
    engine.dispose()


def by_sqlalchemy(bulk: Bulk) -> Bulk:
    bulk._reads_json = False
    return bulk


def row(number: int = 0, answer: str = 'wörter \u6f22 "quoted" \n') -> dict[str, Any]:
    end = Finished("stop", progressive_tally())
    own = request_values(ask(f"req-{number}"), PROGRESSIVE, end, Prices(output=0.1), NOON)
    return own | text_values(ask(), [TextDelta(answer, 0, "cloud")])


def stored(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    """As SQLite holds it, with the types of its values, but for the numbers of the rows."""
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {table} ORDER BY rowid")).mappings().all()
        return [tuple((value, type(value)) for name, value in each.items() if name != "id") for each in found]


@pytest.mark.parametrize("moment", [NOON, NOON.replace(microsecond=1), NOON.replace(microsecond=120_000)])
def test_sqlite_holds_what_sqlalchemy_would_have_written(engine: Engine, moment: datetime) -> None:
    one = row() | {"at": moment.replace(tzinfo=None)}
    with engine.begin() as connection:
        Bulk(requests, engine.dialect).write(connection, [one])
        by_sqlalchemy(Bulk(requests, engine.dialect)).write(connection, [one])
    ours, theirs = stored(engine, "requests")
    assert ours == theirs


def test_every_table_is_held_alike(engine: Engine) -> None:
    of_table = rows_of(PROGRESSIVE, progressive_tally())
    numbered = {table: [one | {"request": 1} for one in rows] for table, rows in of_table.items() if rows}
    assert legs in numbered
    for table, rows in numbered.items():
        with engine.begin() as connection:
            Bulk(table, engine.dialect).write(connection, rows)
        ours = stored(engine, table.name)
        with engine.begin() as connection:
            connection.execute(table.delete())
            by_sqlalchemy(Bulk(table, engine.dialect)).write(connection, rows)
        assert ours == stored(engine, table.name)


@pytest.mark.parametrize("reads_json", [True, False])
def test_rows_are_numbered_in_their_order(engine: Engine, reads_json: bool) -> None:
    bulk = Bulk(requests, engine.dialect)
    bulk._reads_json = bulk._reads_json and reads_json
    for first in (0, 300):
        with engine.begin() as connection:
            numbers = bulk.number(connection, [row(first + at) for at in range(300)])
        with engine.connect() as connection:
            of_id = {one.id: one.request_id for one in connection.execute(select(requests))}
        assert [of_id[number] for number in numbers] == [f"req-{first + at}" for at in range(300)]


@pytest.mark.parametrize("answer", ["a\x00b", "\\u0000", "", "😀"])
def test_a_text_is_whole_whatever_it_holds(engine: Engine, answer: str) -> None:
    with engine.begin() as connection:
        Bulk(requests, engine.dialect).write(connection, [row(answer=answer)])
    with engine.connect() as connection:
        assert connection.scalar(select(requests.c.answer)) == answer


@pytest.mark.parametrize("reads_json", [True, False])
def test_rows_are_there_for_nobody_before_their_transaction_ends(engine: Engine, *, reads_json: bool) -> None:
    bulk = Bulk(requests, engine.dialect)
    with engine.connect() as connection:
        (bulk if reads_json else by_sqlalchemy(bulk)).write(connection, [row()])
        assert not stored(engine, "requests")
        connection.rollback()
    assert not stored(engine, "requests")
