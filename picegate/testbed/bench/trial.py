"""One trial: a policy, a number of edges, a load and a seed, over real sockets through the real gateway."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from picegate.testbed.bench.arrivals import Pattern, arrivals, order
from picegate.testbed.bench.figures import Figures, figures_of
from picegate.testbed.bench.policies import Policy
from picegate.testbed.bench.reader import Heard, read_answer
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.author import Author
from picegate.testbed.emulated.clock import run_virtual
from picegate.testbed.emulated.faults import NO_FAULTS, Faults
from picegate.testbed.emulated.fleet import Enrolment, enrolled
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.questions import Questions
from picegate.testbed.emulated.server import EmulatedServer, Stats

TOKEN = "testbed-enrolment"  # noqa: S105 (of a gateway that lives for one trial, on the loopback)
WAIT_S = 240.0  # after the last arrival; what has not ended by then is counted as failed
WARM_UP = 0.15  # share of the answers, the first ones, that no figure counts: the system starts empty


@dataclass(frozen=True, slots=True)
class Site:
    """What stands there, apart from the policy. `edges` 0 is a cloud alone."""

    cloud: Profile
    edge: Profile
    edges: int
    cloud_faults: Faults = NO_FAULTS
    edge_faults: Faults = NO_FAULTS
    tokens_per_chunk: int = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What is offered. `requests` in all, the warming-up included."""

    per_minute: float
    requests: int
    pattern: Pattern = "poisson"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """What came out of one trial."""

    policy: str
    edges: int
    load: Load
    figures: Figures

    def as_data(self) -> dict[str, Any]:
        return {"policy": self.policy, "edges": self.edges, **asdict(self.load), **asdict(self.figures)}


def run_trial(policy: Policy, site: Site, workload: Workload, load: Load) -> Trial:
    """Run it on a virtual clock, in this process: nothing else may run in it meanwhile."""
    return run_virtual(trial(policy, site, workload, load))


async def trial(policy: Policy, site: Site, workload: Workload, load: Load) -> Trial:
    """Run it on the running loop's clock, gateway and emulated upstreams on that loop too."""
    async with (
        emulation(site, workload, policy, seed=load.seed) as (cloud, edges),
        gateway(policy, cloud, edges) as root,
    ):
        before = time.process_time()
        heard = await offer(root, policy.model, workload, load)
        spent_s = time.process_time() - before
        stats = [server.stats() for server in (cloud, *edges)]
    return Trial(policy.name, site.edges, load, evaluate(heard, stats, site, load, cpu_s=spent_s))


@asynccontextmanager
async def emulation(
    site: Site, workload: Workload, policy: Policy, *, seed: int
) -> AsyncIterator[tuple[EmulatedServer, list[EmulatedServer]]]:
    """The emulated cloud and edges of a site, on the running loop."""
    questions = Questions(workload.questions)
    edge = site.edge
    if not policy.shares_prefixes:
        edge = replace(edge, engine=replace(edge.engine, shares_prefixes=False))
    async with AsyncExitStack() as stack:

        async def start(name: str, profile: Profile, faults: Faults) -> EmulatedServer:
            author = Author(questions, is_cloud=profile.kind == "cloud")
            server = EmulatedServer(
                name, profile, author, faults=faults, tokens_per_chunk=site.tokens_per_chunk, seed=seed
            )
            return await stack.enter_async_context(server)

        cloud = await start("cloud", site.cloud, site.cloud_faults)
        edges = [await start(f"edge-{number}", edge, site.edge_faults) for number in range(1, site.edges + 1)]
        yield cloud, edges


@asynccontextmanager
async def gateway(policy: Policy, cloud: EmulatedServer, edges: list[EmulatedServer]) -> AsyncIterator[str]:
    """Our own gateway, as `app.create_app` builds it, with the edges registered as agents; gives its root URL."""
    from picegate.app import create_app
    from picegate.settings import Settings
    from picegate.testbed.server import serving

    with tempfile.TemporaryDirectory(prefix="picegate-bench-") as folder:
        settings = Settings(**gateway_settings(policy, cloud.url, cloud.profile, Path(folder)))
        async with serving(create_app(settings)) as root:
            enrolment = Enrolment(root, TOKEN)
            async with enrolled(edges, enrolment):
                yield root


def gateway_settings(policy: Policy, cloud_url: str, cloud: Profile, folder: Path) -> dict[str, Any]:
    """The gateway's config. Where calls wait for minutes the cloud is full, not broken, so limits are wide."""
    data: dict[str, Any] = {
        "access": {"require_key": False},
        "cloud": {
            "base_url": cloud_url,
            "model": cloud.name,
            "first_token_s": WAIT_S,
            "total_s": 2 * WAIT_S,
            "max_in_flight": 1024,
            "max_queued": 4096,
            "queue_s": WAIT_S,
            "price_input": cloud.price_input,
            "price_output": cloud.price_output,
        },
        "fleet": {"enrolment_token": TOKEN, "first_token_s": 60.0},
        "storage": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "logging": {"level": "error"},
    }
    for section, values in policy.settings.items():
        data[section] = {**data.get(section, {}), **values}
    return data


async def offer(root: str, model: str, workload: Workload, load: Load) -> list[Heard]:
    """Ask every question when it is due, whatever became of those before, and read all answers."""
    parts = urlsplit(root)
    host, port = str(parts.hostname), int(parts.port or 80)
    moments = arrivals(load.requests, load.per_minute, load.pattern, load.seed)
    chosen = order(len(workload.questions), load.requests, load.seed)
    began = asyncio.get_running_loop().time()
    heard = [Heard(began + moment, workload.questions[index].id) for moment, index in zip(moments, chosen, strict=True)]

    async def ask(one: Heard, index: int) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, one.due - loop.time()))
        question = workload.questions[index]
        turns = [{"role": role, "content": text} for role, text in question.history]
        body = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [*turns, {"role": "user", "content": question.asked}],
        }
        try:
            async with asyncio.timeout_at(began + moments[-1] + WAIT_S):
                await read_answer(host, port, body, one)
        except TimeoutError:
            one.error = "not ended in time"

    async with asyncio.TaskGroup() as group:
        for one, index in zip(heard, chosen, strict=True):
            group.create_task(ask(one, index))
    return heard


def evaluate(heard: list[Heard], stats: list[Stats], site: Site, load: Load, *, cpu_s: float) -> Figures:
    """The figures of a trial, those of the warming-up left out where they are of single answers."""
    return figures_of(heard, heard[int(len(heard) * WARM_UP) :], stats, site.cloud, site.edge, cpu_s)
