"""`picegate keys`: who may ask."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from picegate.access.keys import KeyStore
from picegate.cli.options import ConfigOption, complaints, settings_of
from picegate.core.chat import ServiceLevel
from picegate.database import open_database

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@contextmanager
def _keys(config: Path | None) -> Iterator[KeyStore]:
    settings = settings_of(config)
    with complaints():
        database = open_database(settings.storage.url)
        try:
            yield KeyStore(database)
        finally:
            database.dispose()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")] = "default",
    named: Annotated[str | None, typer.Option("--name", help="The same as an option.")] = None,
    config: ConfigOption = None,
    admin: Annotated[bool, typer.Option("--admin", help="May also see nodes, usage and other requests.")] = False,
    service_level: Annotated[
        ServiceLevel | None, typer.Option("--service-level", help="Of its requests that name none.")
    ] = None,
) -> None:
    """Make a key. Its secret is printed now, alone on stdout, and never again."""
    with _keys(config) as keys:
        secret, key = keys.create(named or name, admin=admin, service_level=service_level)
    print(f"{key.id} for {key.name!r}{', admin' if admin else ''}; keep the secret, it is not stored:", file=sys.stderr)
    print(secret)


@app.command("list")
def list_keys(config: ConfigOption = None) -> None:
    """Show every key, revoked ones too."""
    with _keys(config) as keys:
        found = keys.list()
    table = Table("id", "name", "secret", "admin", "level", "created (UTC)", "revoked (UTC)", box=None)
    for key in found:
        admin, revoked = "yes" if key.admin else "", _minute(key.revoked_at)
        level = key.service_level.value if key.service_level is not None else ""
        table.add_row(key.id, Text(key.name), Text(f"...{key.hint}"), admin, level, _minute(key.created_at), revoked)
    if found:
        Console().print(table)
    else:
        print("no keys yet: picegate keys create NAME")


def _minute(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else ""


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, or enough of the id's beginning.")], config: ConfigOption = None
) -> None:
    """End a key. A running gateway notices within two seconds."""
    with _keys(config) as keys:
        revoked = keys.revoke(key)
    print(f"revoked {revoked.id} ({revoked.name})")
