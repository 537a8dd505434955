"""`picegate config`: the settings as the gateway would see them."""

import json

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from picegate.cli.options import MISUSED, ConfigOption, complain, settings_of
from picegate.settings import as_data


def config(config: ConfigOption = None) -> None:
    """Print the effective settings, from file and environment, with secrets masked."""
    data = dict(as_data(settings_of(config)))
    try:
        url = make_url(data["storage"]["url"]).render_as_string(hide_password=True)
    except ArgumentError as error:
        complain(f"storage.url: not a database URL: {error}")
        raise typer.Exit(MISUSED) from error
    data["storage"] = data["storage"] | {"url": url}
    print(json.dumps(data, indent=2, ensure_ascii=False))
