"""The command line: one file per command, put together here."""

from importlib.metadata import version
from typing import Annotated

import typer

from picegate.cli import bench, keys
from picegate.cli.ask import ask
from picegate.cli.config import config
from picegate.cli.demo import demo
from picegate.cli.explain import explain
from picegate.cli.nodes import nodes
from picegate.cli.serve import serve
from picegate.cli.trace import trace
from picegate.cli.usage import usage

app = typer.Typer(
    name="picegate",
    help="OpenAI-compatible gateway for progressive inference.",
    no_args_is_help=True,
    add_completion=False,
)
for command in (serve, ask, explain, trace, nodes, usage, config, demo):
    app.command()(command)
app.add_typer(keys.app, name="keys")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"picegate {version('picegate')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """OpenAI-compatible gateway for progressive inference."""
