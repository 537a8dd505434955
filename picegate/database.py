"""The door to the SQL database that `storage.url` names. What tables it holds is the business of the rooms using it."""

import json

import orjson
from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from picegate.core.errors import ConfigError

STATEMENTS = 8  # prepared ones that a connection of SQLite keeps: where rows do not go in as JSON, they are large
BUSY_S = 10.0  # the command line and the gateway may write to one SQLite file


def open_database(url: str) -> Engine:
    """An engine that has answered once.

    Raises:
        ConfigError: not a database URL, no driver for it, or it cannot be opened.
    """
    try:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        engine = _sqlite(url, parsed.database) if is_sqlite else create_engine(url, json_serializer=_as_json)
        with engine.connect():
            pass
    except ArgumentError as error:
        raise ConfigError(f"storage.url: not a database URL: {error}") from error
    except ImportError as error:
        raise ConfigError(f"storage.url: no driver for {parsed.drivername}: {error}") from error
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        # The password of the URL must not end up in a log.
        raise ConfigError(
            f"storage.url: cannot open {parsed.render_as_string(hide_password=True)}: {reason}"
        ) from error
    return engine


def create_tables(engine: Engine, metadata: MetaData) -> None:
    """Create the tables that are not there yet.

    Raises:
        ConfigError: the database refuses, for example because its file is read-only.
    """
    try:
        metadata.create_all(engine)
    except SQLAlchemyError:
        # Another process may have created them between our look and our attempt; if not, the second one says why.
        try:
            metadata.create_all(engine)
        except SQLAlchemyError as error:
            shown = engine.url.render_as_string(hide_password=True)
            raise ConfigError(
                f"storage.url: cannot create tables in {shown}: {getattr(error, 'orig', error)}"
            ) from error


def _sqlite(url: str, database: str | None) -> Engine:
    arguments = {"check_same_thread": False, "timeout": BUSY_S, "cached_statements": STATEMENTS}
    if database in (None, "", ":memory:"):
        # Every connection to :memory: is a database of its own, so there must be only one.
        return create_engine(url, json_serializer=_as_json, connect_args=arguments, poolclass=StaticPool)
    engine = create_engine(url, json_serializer=_as_json, connect_args=arguments)
    event.listen(engine, "connect", _write_ahead)
    return engine


def _as_json(value: object) -> str:
    """For columns of JSON. Text that UTF-8 cannot hold goes in as Python writes it."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value)


def _write_ahead(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Readers do not block the writer, nor it them; a power cut may lose the last rows but never the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
