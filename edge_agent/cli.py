"""`edge-agent serve` and `edge-agent fetch`."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from edge_agent.engine.choose import EngineChoice
from edge_agent.errors import StartupError
from edge_agent.models.download import fetch as fetch_model
from edge_agent.models.manifest import lookup
from edge_agent.serve import serve as serve_agent
from edge_agent.settings import load

app = typer.Typer(
    name="edge-agent", help="An OpenAI-compatible server over llama.cpp that registers at a picegate gateway."
)


@app.callback()
def main() -> None:
    """Keeps `serve` and `fetch` as commands by name."""


@app.command()
def serve(
    model: Annotated[str | None, typer.Option(help="A GGUF file, or `embedded` (fetched when missing).")] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="A further model, FILE.gguf or FILE.gguf=NAME; may be repeated.")
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="URL of the gateway to register at.")] = None,
    token: Annotated[str | None, typer.Option(help="The gateway's enrolment token.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one [8090].")] = None,
    name: Annotated[str | None, typer.Option(help="What operators call this agent [the machine's name].")] = None,
    advertise: Annotated[str | None, typer.Option(help="URL at which the gateway reaches us, ending in /v1.")] = None,
    slots: Annotated[int | None, typer.Option(help="Answers written at once [4].")] = None,
    ctx: Annotated[int | None, typer.Option(help="Prompt + answer of one sequence, tokens [4096].")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads [all cores].")] = None,
    gpu_layers: Annotated[int | None, typer.Option(help="Layers on the GPU, -1 for all that fit [0].")] = None,
    engine: Annotated[EngineChoice | None, typer.Option(help="auto: llama-cpp-python, else prebuilt [auto].")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="What callers must present [drawn when there is a gateway].")
    ] = None,
    max_queued: Annotated[int | None, typer.Option(help="Requests that may wait for a slot [32].")] = None,
    drain_s: Annotated[float | None, typer.Option(help="Seconds for running answers after SIGTERM [30].")] = None,
    model_name: Annotated[str | None, typer.Option(help="What clients call the model [from the file].")] = None,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Where fetched models are kept [~/.cache/picegate/models].")
    ] = None,
    verbose: Annotated[bool | None, typer.Option("--verbose", help="Show the engine's own log.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings.")] = None,
) -> None:
    """Serve a model. Every option is also a key of the config file and an environment variable EDGE_AGENT_NAME."""
    options: dict[str, Any] = {
        "model": model,
        "also": also or None,
        "gateway": gateway,
        "token": token,
        "host": host,
        "port": port,
        "name": name,
        "advertise": advertise,
        "slots": slots,
        "ctx": ctx,
        "threads": threads,
        "gpu_layers": gpu_layers,
        "engine": engine,
        "api_key": api_key,
        "max_queued": max_queued,
        "drain_s": drain_s,
        "model_name": model_name,
        "cache": cache_dir,
        "verbose": verbose,
    }
    with _faults_in_one_line():
        settings = load(config, options)
        _log_to_stderr(verbose=settings.verbose)
        anyio.run(partial(serve_agent, settings))


@app.command()
def fetch(
    model: Annotated[str, typer.Argument(help="A model of the manifest: `embedded`.")] = "embedded",
    cache_dir: Annotated[Path | None, typer.Option(help="Where it is kept [~/.cache/picegate/models].")] = None,
) -> None:
    """Bring a model onto this machine and print its path."""
    with _faults_in_one_line():
        settings = load(options={"cache": cache_dir})
        typer.echo(str(fetch_model(lookup(model), settings.cache)))


def _log_to_stderr(*, verbose: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("edge_agent").setLevel(logging.DEBUG if verbose else logging.INFO)


@contextmanager
def _faults_in_one_line() -> Iterator[None]:
    try:
        yield
    except StartupError as error:
        typer.echo(f"edge-agent: {error.message}", err=True)
        raise typer.Exit(error.exit_status) from error
