"""The life of an agent: bind, load, serve, register; on a signal drain, say goodbye, end."""

import logging
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
from pydantic import SecretStr

from edge_agent.agent import Agent
from edge_agent.app import create_app
from edge_agent.box.probes import probe
from edge_agent.desk.selftest import SelfTest
from edge_agent.engine.build import look
from edge_agent.engine.choose import choose, installed
from edge_agent.engine.fit import fit
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.placement import cache_types
from edge_agent.engine.port import Engine
from edge_agent.engine.suited import Setup, SuitedEngine
from edge_agent.errors import ConfigError, EnrolmentRefused, ModelUnusable
from edge_agent.gateway import GatewayLink, own_address
from edge_agent.models.download import fetch
from edge_agent.models.manifest import MANIFEST
from edge_agent.models.shape import read_shape
from edge_agent.protocol import Register
from edge_agent.roster.served import Suit
from edge_agent.server import Server, bind, url_of
from edge_agent.settings import Settings

log = logging.getLogger("edge_agent")

ANY_ADDRESS = ("0.0.0.0", "::", "")
CUT_S = 1  # answers that outlive the drain get this long to notice


async def serve(settings: Settings) -> None:
    """Run an agent until SIGTERM or SIGINT; a second signal ends it without waiting.

    Raises:
        StartupError: with the exit status that belongs to it.
    """
    settings = with_key(settings)
    sock = bind(settings.host, settings.port)
    options = await anyio.to_thread.run_sync(engine_options, settings)
    engine = choose(settings.engine, options)
    further = await anyio.to_thread.run_sync(further_engines, settings, options.name)
    await engine.load()
    if engine.info.slots < settings.slots:
        log.warning("%s writes %d answer(s) at once, not %d", engine.info.engine, engine.info.slots, settings.slots)
    app = create_app(engine, settings, further)
    agent: Agent = app.state.agent
    server = Server(app, grace_s=CUT_S)
    refusal: EnrolmentRefused | None = None
    end = anyio.Event()

    async def stay_registered(link: GatewayLink) -> None:
        nonlocal refusal
        try:
            await link.run()
        except EnrolmentRefused as error:
            refusal = error
            end.set()

    async def heed(signals: AsyncIterator[signal.Signals]) -> None:
        async for _ in signals:
            if end.is_set():
                duties.cancel_scope.cancel()
            end.set()

    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as house, httpx2.AsyncClient() as client:
            house.start_soon(server.serve, [sock])
            await server.up.wait()
            link = None
            async with anyio.create_task_group() as duties:
                duties.start_soon(heed, signals)
                say_listening(url_of(sock), agent)
                if settings.gateway is not None:
                    link = gateway_link(agent, settings, settings.gateway, url_of(sock), client)
                    duties.start_soon(stay_registered, link)
                if settings.tests_itself:
                    duties.start_soon(SelfTest(agent.desk, agent.roster, every_s=settings.self_test_every_s).run)
                await end.wait()
                agent.roster.drain()
                if link is not None:
                    await link.drain()
                with anyio.move_on_after(settings.drain_s):
                    await agent.roster.idle()
                duties.cancel_scope.cancel()
            if link is not None:
                await link.leave()
            server.should_exit = True
    if refusal is not None:
        raise refusal


def with_key(settings: Settings) -> Settings:
    """Towards a gateway the agent never stands open: a key that is not set is drawn, and told to the gateway alone."""
    if settings.api_key is not None or settings.gateway is None:
        return settings
    return settings.model_copy(update={"api_key": SecretStr(secrets.token_urlsafe(32))})


def engine_options(settings: Settings) -> EngineOptions:
    """Find the model, fetching it where need be; choose what was not set, and log it. Blocks.

    Raises:
        ModelUnusable, DownloadFailed, EngineMissing: as their names say.
    """
    model, name = Path(settings.model), settings.model_name
    wishes = settings.wishes()
    if settings.engine == "fake":
        return fake_options(settings)
    if settings.model in MANIFEST:
        entry = MANIFEST[settings.model]
        model, name = fetch(entry, settings.cache), name or entry.name
    else:
        model = model.expanduser()
    chosen = fit(wishes, read_shape(model), probe(), look(installed(settings.engine)))
    log.info("%s", chosen.line())
    return chosen.options(model, name or model.stem, wishes, cache=settings.cache, verbose=settings.verbose)


def further_engines(settings: Settings, main: str) -> list[tuple[Engine, Suit]]:
    """The further models beside that of the name `main`, not loaded. Blocks.

    Wishes are the main model's. What is not set is chosen when one is loaded, for the memory that there is then.

    Raises:
        ConfigError: one has the main model's name.
        ModelUnusable: a file is missing or no GGUF, or cannot be used as wished, whatever the memory.
    """
    engines: list[tuple[Engine, Suit]] = []
    wishes, box = settings.wishes(), probe()
    for model in settings.also:
        if model.name == main:
            raise ConfigError(f"also: {model.name!r} is the main model's name; name them apart: FILE.gguf=NAME")
        if settings.engine == "fake":
            options = replace(fake_options(settings), model=model.file, name=model.name)
            engines.append((choose("fake", options), lambda _: 0))
            continue
        shape = read_shape(model.file)
        try:
            cache_types(wishes, shape)
        except ModelUnusable as error:
            raise ModelUnusable(f"{model.file}: {error.message}") from error
        library = partial(look, installed(settings.engine))
        setup = Setup(model, shape, wishes, box, library, settings.cache, verbose=settings.verbose)
        engine = SuitedEngine(setup, partial(choose, settings.engine))
        engines.append((engine, engine.suit))
    return engines


def fake_options(settings: Settings) -> EngineOptions:
    return EngineOptions(
        Path(settings.model),
        settings.model_name or "fake",
        context_tokens=settings.ctx,
        slots=settings.slots,
        fake_token_s=settings.fake_token_s,
    )


def gateway_link(
    agent: Agent, settings: Settings, gateway: str, listening: str, client: httpx2.AsyncClient
) -> GatewayLink:
    info = agent.desk.engine.info
    host, port = listening.removeprefix("http://").rsplit(":", 1)
    if settings.host in ANY_ADDRESS:
        own = own_address(gateway)
        host = f"[{own}]" if ":" in own else own
    card = Register(
        name=agent.name,
        url=settings.advertise or f"http://{host}:{port}/v1",
        api_key=agent.api_key,
        model=info.name,
        slots=info.slots,
        context_tokens=info.context_tokens,
        engine=info.engine,
        version=own_version(),
        models=tuple(model.card() for model in agent.roster.models),
    )
    token = settings.token.get_secret_value() if settings.token else ""
    return GatewayLink(agent, card, url=gateway, token=token, client=client)


def own_version() -> str:
    try:
        return version("picegate")
    except PackageNotFoundError:
        return ""


def say_listening(url: str, agent: Agent) -> None:
    """One line on stdout, flushed: whoever started us reads from it where we are."""
    info = agent.desk.engine.info
    print(
        f"edge-agent listening on {url} name={agent.name} model={info.name} engine={info.engine!r} "
        f"slots={info.slots} context={info.context_tokens}",
        file=sys.stdout,
        flush=True,
    )
