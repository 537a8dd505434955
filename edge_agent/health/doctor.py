"""A visit: gather the facts without changing anything, and without dying of what is found."""

import subprocess
import sys
import threading
from pathlib import Path

import httpx2

from edge_agent.box.probes import probe
from edge_agent.engine.build import Build, from_json
from edge_agent.engine.choose import EngineName, installed
from edge_agent.engine.fit import fit
from edge_agent.errors import StartupError
from edge_agent.health.findings import Facts
from edge_agent.models.manifest import MANIFEST
from edge_agent.models.shape import ModelShape, read_shape
from edge_agent.models.verify import is_genuine
from edge_agent.settings import Settings

LOOK_S = 60.0  # a GPU's driver may take seconds to start
GATEWAY_S = 5.0
LIVE_PATH = "/health/live"


def visit(settings: Settings, root: Path = Path("/")) -> Facts:
    """What `diagnose` wants to know of the box at `root`, and of what `serve` would do with `settings`.

    Blocks, for a second where all is well and for `LOOK_S` + `GATEWAY_S` at most.
    """
    wishes, box = settings.wishes(), probe(root)
    build, build_fault = _build(settings)
    model, model_fault, to_fetch = _model(settings)
    chosen = fit_fault = None
    if build is not None and model is not None:
        try:
            chosen = fit(wishes, model, box, build)
        except StartupError as error:
            fit_fault = error.message
    return Facts(
        wishes=wishes,
        box=box,
        build=build,
        build_fault=build_fault,
        model=model,
        model_fault=model_fault,
        to_fetch=to_fetch,
        fit=chosen,
        fit_fault=fit_fault,
        gateway=settings.gateway,
        gateway_fault=None if settings.gateway is None else gateway_fault(settings.gateway),
    )


def _build(settings: Settings) -> tuple[Build | None, str | None]:
    try:
        engine = installed(settings.engine)
    except StartupError as error:
        return None, error.message
    return (None, "the fake engine has no model, and nothing to choose") if engine == "fake" else ask_build(engine)


def ask_build(engine: EngineName) -> tuple[Build | None, str | None]:
    """As `build.look`, in a process of its own: the library may crash it. The second value says what went wrong."""
    command = [sys.executable, "-m", "edge_agent.engine.build", engine]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOOK_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None, f"the engine {engine!r} does not come up within {LOOK_S:.0f} s"
    if done.returncode < 0:
        return None, f"the engine {engine!r} crashes (signal {-done.returncode}): it was made for another machine"
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [f"the engine {engine!r} does not load"])[-1]
    return from_json(done.stdout.strip().splitlines()[-1]), None


def _model(settings: Settings) -> tuple[ModelShape | None, str | None, bool]:
    """Shape, fault, and whether it has still to be fetched; nothing is fetched here."""
    path = Path(settings.model).expanduser()
    if settings.model in MANIFEST:
        entry = MANIFEST[settings.model]
        path = settings.cache.expanduser() / entry.file_name
        if not is_genuine(path, entry):
            return None, None, True
    try:
        return read_shape(path), None, False
    except StartupError as error:
        return None, error.message, False


def gateway_fault(url: str) -> str | None:
    """Why the gateway does not answer; None: it does. Takes `GATEWAY_S` at most, resolving its name included."""
    said = ["it does not answer"]

    def call() -> None:
        try:
            reply = httpx2.get(url.removesuffix("/v1") + LIVE_PATH, timeout=GATEWAY_S)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            said[0] = str(error) or type(error).__name__
        else:
            said[0] = "" if reply.is_success else f"it answers {reply.status_code}, which no gateway does"

    asking = threading.Thread(target=call, daemon=True)  # a resolver that hangs cannot be cancelled, only left behind
    asking.start()
    asking.join(GATEWAY_S)
    return said[0] or None
