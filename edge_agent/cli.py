"""`edge-agent serve`, `doctor`, `bench` and `fetch`."""

import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console

from edge_agent.bench import curve_view
from edge_agent.bench.curve import measure
from edge_agent.engine.choose import EngineChoice, choose
from edge_agent.engine.options import CacheType, FlashAttention, LoadMode, Repack
from edge_agent.errors import StartupError
from edge_agent.health.diagnosis import diagnose
from edge_agent.health.doctor import visit
from edge_agent.health.report import as_json, as_text, is_healthy
from edge_agent.models.download import fetch as fetch_model
from edge_agent.models.manifest import lookup
from edge_agent.serve import engine_options
from edge_agent.serve import serve as serve_agent
from edge_agent.settings import load

BENCH_SLOTS = 8
INTERRUPTED = 130  # as a shell reports SIGINT

app = typer.Typer(
    name="edge-agent", help="An OpenAI-compatible server over llama.cpp that registers at a picegate gateway."
)


@app.callback()
def main() -> None:
    """Keeps the commands' names."""


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
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: by the box.")] = None,
    gpu_layers: Annotated[
        str | None, typer.Option(help="Layers on the GPU: auto, all or a number; default: auto.")
    ] = None,
    flash_attn: Annotated[FlashAttention | None, typer.Option(help="Flash attention; default: auto.")] = None,
    cache_type: Annotated[
        CacheType | None, typer.Option(help="Type of keys and values in the memory; default: f16, or q8_0 to fit.")
    ] = None,
    ubatch_size: Annotated[
        int | None, typer.Option(help="Prompt tokens read in one step; default: by the box.")
    ] = None,
    load_mode: Annotated[LoadMode | None, typer.Option(help="How the model's file is read; default: auto.")] = None,
    kv_tokens: Annotated[
        int | None, typer.Option(help="Room of the memory, tokens of all slots together; default: slots x ctx.")
    ] = None,
    repack: Annotated[
        Repack | None, typer.Option(help="Keep the weights as Q8_0 where that is faster; default: auto.")
    ] = None,
    engine: Annotated[EngineChoice | None, typer.Option(help="auto: llama-cpp-python, else prebuilt [auto].")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="What callers must present [drawn when there is a gateway].")
    ] = None,
    max_queued: Annotated[int | None, typer.Option(help="Requests that may wait for a slot [32].")] = None,
    drain_s: Annotated[float | None, typer.Option(help="Seconds for running answers after SIGTERM [30].")] = None,
    self_test: Annotated[
        bool | None, typer.Option("--self-test/--no-self-test", help="Measure speed at start and while idle [on].")
    ] = None,
    self_test_every_s: Annotated[float | None, typer.Option(help="Seconds between two self-tests [3600].")] = None,
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
        "flash_attn": flash_attn,
        "cache_type": cache_type,
        "ubatch_size": ubatch_size,
        "load_mode": load_mode,
        "kv_tokens": kv_tokens,
        "repack": repack,
        "engine": engine,
        "api_key": api_key,
        "max_queued": max_queued,
        "drain_s": drain_s,
        "self_test": self_test,
        "self_test_every_s": self_test_every_s,
        "model_name": model_name,
        "cache": cache_dir,
        "verbose": verbose,
    }
    with _faults_in_one_line():
        settings = load(config, options)
        _log_to_stderr(verbose=settings.verbose)
        anyio.run(partial(serve_agent, settings))


def _with_the_options_of(other: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a command that takes **options: they are those of `other`, so that one line serves both."""

    def lend(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command)
        lent = inspect.signature(other).parameters
        named = [p for name, p in own.parameters.items() if p.kind is not p.VAR_KEYWORD and name not in lent]
        command.__signature__ = own.replace(parameters=[*lent.values(), *named])  # type: ignore[attr-defined]
        command.__annotations__ = {**command.__annotations__, **other.__annotations__}
        return command

    return lend


@app.command()
@_with_the_options_of(serve)
def doctor(
    *,
    as_machine: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    config: Path | None = None,
    cache_dir: Path | None = None,
    **options: Any,
) -> None:
    """Say what this box has, what `serve` would choose with the same options and why, and what is wrong.

    Ends with status 1 when there is a fault.
    """
    with _faults_in_one_line():
        facts = visit(load(config, {**options, "cache": cache_dir}))
    findings = diagnose(facts)
    told = json.dumps(as_json(facts, findings), indent=2) if as_machine else as_text(facts, findings)
    typer.echo(told)
    if not is_healthy(findings):
        raise typer.Exit(1)


@app.command()
def fetch(
    model: Annotated[str, typer.Argument(help="A model of the manifest: `embedded`.")] = "embedded",
    cache_dir: Annotated[Path | None, typer.Option(help="Where it is kept [~/.cache/picegate/models].")] = None,
) -> None:
    """Bring a model onto this machine and print its path."""
    with _faults_in_one_line():
        settings = load(options={"cache": cache_dir})
        typer.echo(str(fetch_model(lookup(model), settings.cache)))


@app.command()
@_with_the_options_of(serve)
def bench(
    *,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; medians of them are shown.")] = 5,
    as_machine: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write the curve as SVG, too.")] = None,
    config: Path | None = None,
    cache_dir: Path | None = None,
    slots: int | None = None,
    **options: Any,
) -> None:
    """Measure how fast a model reads a prompt, and writes 1, 2, 4, ... answers at once: 8 unless `--slots` says else.

    The options are those of `serve`. Ctrl-C ends it early.
    """
    with _faults_in_one_line(), Console(stderr=True).status("") as status:
        settings = load(config, {**options, "slots": slots or BENCH_SLOTS, "cache": cache_dir})
        measured = choose(settings.engine, engine_options(settings))
        samples = anyio.run(measure, measured, repeats, status.update)
    if as_machine:
        typer.echo(json.dumps(samples.data(), indent=1))
    else:
        Console(highlight=False).print(curve_view.table(samples))
    with _faults_in_one_line():
        if plot is not None and (samples.decode or not samples.interrupted):
            curve_view.draw(samples, plot)
    if samples.interrupted:
        raise typer.Exit(INTERRUPTED)


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
