"""Options that several commands share, and how commands end when something is wrong."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from picegate.core.errors import ConfigError, PiceError
from picegate.settings import Settings, load

FAILED = 1  # exit status: what was asked for did not happen
MISUSED = 2  # exit status: the command line or the config is wrong

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; without one, only the environment is read.")
]
UrlOption = Annotated[str, typer.Option("--url", envvar="PICEGATE_URL", help="Where the gateway runs.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", envvar="PICEGATE_KEY", show_envvar=True, help="API key for the gateway.")
]
AdminKeyOption = Annotated[
    str | None, typer.Option("--key", envvar="PICEGATE_ADMIN_KEY", show_envvar=True, help="API key with admin rights.")
]
ModelOption = Annotated[str, typer.Option("--model", help="pice, pice-cloud, pice-edge, pice-progressive or an alias.")]
LevelOption = Annotated[int | None, typer.Option("--level", min=1, max=3, help="How much of the answer is delegated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

LOCAL_URL = "http://127.0.0.1:8080"


def complain(message: str) -> None:
    """Say on stderr what is wrong."""
    for line in message.splitlines():
        print(f"picegate: {line}", file=sys.stderr, flush=True)


@contextmanager
def complaints() -> Iterator[None]:
    """Errors of ours become lines on stderr and an exit status instead of a traceback."""
    try:
        yield
    except ConfigError as error:
        complain(error.message)
        raise typer.Exit(MISUSED) from error
    except PiceError as error:
        complain(error.message)
        raise typer.Exit(FAILED) from error


def settings_of(config: Path | None) -> Settings:
    with complaints():
        return load(config)


def with_the_options_of(other: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a command that takes **options: they are the keyword arguments of `other`, declared there once."""

    def lend(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command)
        named = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
        lent = inspect.signature(other).parameters.values()
        command.__signature__ = own.replace(parameters=[*named, *lent])  # type: ignore[attr-defined]
        annotations = {parameter.name: parameter.annotation for parameter in lent}
        command.__annotations__ = {**command.__annotations__, **annotations}
        return command

    return lend
