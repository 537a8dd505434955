"""The whole system as real processes on this machine: gateway, agents that register themselves, a cloud stand-in."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from picegate.testbed.local_settings import Sections, as_toml, laid_over, local_sections
from picegate.testbed.programs import POLL_S, Program, ProgramFailed

START_S = 90.0  # a 100 MB model loads in about a second; a busy or swapping machine takes longer
REGISTER_S = 30.0
CONTEXT_TOKENS = 4096
NICENESS = 5  # of agents: they are other machines elsewhere, and keep no gateway from its core there

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CloudAt:
    """A cloud to use. `guided`: how it takes a grammar, as in the gateway's settings."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    guided: str = "none"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF file, and what the gateway calls the model in it."""

    file: Path
    name: str


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What to start.

    Attributes:
        folder: for the gateway's config, its ledger and the logs.
        cloud: one to use, or the model of a stand-in to start.
        agents: the model of each agent.
        port: of the gateway; 0 is a free one.
        slots, threads: of each agent: answers written at once, and processor threads.
        engine: of the agents; the stand-in always has the prebuilt one, which every machine has.
        sections: of the gateway's settings, in place of the values that are written here.
    """

    folder: Path
    cloud: CloudAt | LocalModel
    agents: tuple[LocalModel, ...]
    port: int = 0
    slots: int = 2
    threads: int = 1
    engine: str = "auto"
    prices: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # input, cached input, output, edge output
    sections: Sections = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """What runs. `root` is the gateway's URL without /v1."""

    root: str
    cloud: CloudAt
    enrolment_token: str = field(repr=False)
    programs: tuple[Program, ...]

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def agents(self) -> tuple[Program, ...]:
        return tuple(filter(_is_agent, self.programs))

    def check(self) -> None:
        """Raises ProgramFailed if the gateway or the cloud stand-in has ended. An agent may die: others go on."""
        for program in self.programs:
            if not _is_agent(program):
                program.check()


@contextmanager
def local_system(plan: LocalPlan, progress: Progress = lambda _: None) -> Iterator[LocalSystem]:
    """Start everything, wait until every agent has registered, and end everything on leaving.

    Raises:
        ProgramFailed: one of the processes did not come up.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    programs: list[Program] = []
    with ExitStack() as stack:
        stack.callback(_end, programs)

        def start(name: str, argv: list[str], env: dict[str, str] | None = None, niceness: int = 0) -> Program:
            program = Program(name, argv, log=plan.folder / f"{name}.log", env=env, niceness=niceness)
            programs.append(program)
            return program

        cloud = plan.cloud
        if isinstance(cloud, LocalModel):
            progress("starting the cloud stand-in")
            stand_in = start("cloud", stand_in_command(cloud, plan.threads))
            cloud = CloudAt(f"{stand_in.listening(START_S)}/v1", cloud.name, guided="llama.cpp")

        progress("starting the gateway")
        token = secrets.token_urlsafe(16)
        config = plan.folder / "picegate.toml"
        config.write_text(as_toml(_sections(plan, cloud)), encoding="utf-8")
        env = {"PICEGATE_FLEET__ENROLMENT_TOKEN": token, "PICEGATE_CLOUD__API_KEY": cloud.api_key}
        gateway = start("gateway", ["picegate", "serve", "--config", str(config)], env)
        root = gateway.listening(START_S)

        progress(f"starting {len(plan.agents)} agents, which register themselves")
        for number, model in enumerate(plan.agents, start=1):
            command = _agent(model, f"agent-{number}", slots=plan.slots, threads=plan.threads, engine=plan.engine)
            start(f"agent-{number}", [*command, "--gateway", root], {"EDGE_AGENT_TOKEN": token}, NICENESS)
        system = LocalSystem(root, cloud, token, tuple(programs))
        _until_registered(system, len(plan.agents))
        yield system


def stand_in_command(model: LocalModel, threads: int) -> list[str]:
    """What starts a stand-in for a cloud: an agent that belongs to no gateway and answers one call at a time."""
    return _agent(model, "cloud-stand-in", slots=1, threads=threads, engine="prebuilt")


def _agent(model: LocalModel, name: str, *, slots: int, threads: int, engine: str) -> list[str]:
    options = {
        "--model": str(model.file),
        "--model-name": model.name,
        "--engine": engine,
        "--name": name,
        "--port": "0",
        "--slots": str(slots),
        "--threads": str(threads),
        "--ctx": str(CONTEXT_TOKENS),
        "--drain-s": "2",
    }
    # No self-test: everything shares this machine's cores, and the question comes at once.
    return ["edge-agent", "serve", "--no-self-test", *(word for option in options.items() for word in option)]


def _sections(plan: LocalPlan, cloud: CloudAt) -> Sections:
    # A stand-in is no better than the agents and runs on their cores: what it wrote once more would only be later.
    repair = isinstance(plan.cloud, CloudAt)
    at = {"base_url": cloud.url, "model": cloud.model, "guided": cloud.guided}
    return laid_over(local_sections(plan.folder, plan.port, at, plan.prices, repair=repair), plan.sections)


def _until_registered(system: LocalSystem, agents: int) -> None:
    deadline = time.monotonic() + START_S + REGISTER_S
    while _ready(system.root) < agents:
        for program in system.programs:
            program.check()
        if time.monotonic() > deadline:
            raise ProgramFailed(f"only {_ready(system.root)} of {agents} agents registered; the logs tell why")
        time.sleep(4 * POLL_S)


def _ready(root: str) -> int:
    """How many nodes the gateway may use; 0 while it does not answer."""
    try:
        return int(httpx2.get(f"{root}/health", timeout=5.0).json()["nodes"]["ready"])
    except httpx2.TransportError:
        return 0


def _end(programs: list[Program]) -> None:
    """The agents first, together, so that they can still say goodbye to the gateway."""
    agents = list(filter(_is_agent, programs))
    for program in agents:
        program.ask_to_end()
    for program in [*agents, *(other for other in reversed(programs) if not _is_agent(other))]:
        program.end()


def _is_agent(program: Program) -> bool:
    return program.name.startswith("agent-")
