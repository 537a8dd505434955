"""One trial: a policy, a site, a load and a seed, over real sockets through the real gateway, on a virtual clock."""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from picegate.testbed.bench.figures import Figures, figures_of
from picegate.testbed.bench.offer import WAIT_S, Load, offer
from picegate.testbed.bench.policies import Policy
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.clock import run_virtual
from picegate.testbed.emulated.fleet import Enrolment, enrolled
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.quality import QualityModel
from picegate.testbed.emulated.server import EmulatedServer
from picegate.testbed.emulated.site import Site, cloud_of, edges_of

TOKEN = "testbed-enrolment"  # noqa: S105 (of a gateway that lives for one trial, on the loopback)
Clock = Literal["virtual", "real"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came out of one trial. All of it is EMULATED."""

    policy: str
    edges: int
    load: Load
    figures: Figures
    clock: Clock = "virtual"

    def as_data(self) -> dict[str, Any]:
        named = {"policy": self.policy, "edges": self.edges, "clock": self.clock, "emulated": True}
        return {**named, **asdict(self.load), **asdict(self.figures)}


def run_trial(policy: Policy, site: Site, workload: Workload, load: Load) -> Trial:
    """Run it in this process, in which nothing else may run meanwhile."""
    return run_virtual(trial(policy, site, workload, load))


async def trial(policy: Policy, site: Site, workload: Workload, load: Load) -> Trial:
    """Run it on the running loop's clock, gateway and emulated upstreams on that loop too."""
    site = site.sharing(site.edge.engine.shares_prefixes and policy.shares_prefixes)
    async with (
        cloud_of(site, workload.questions, load.seed) as cloud,
        edges_of(site, workload.questions, load.seed) as edges,
        gateway(policy, cloud, edges, site.quality) as root,
    ):
        before = time.process_time()
        heard = await offer(root, policy, workload, load)
        spent_s = time.process_time() - before
        stats = [server.stats() for server in (cloud, *edges)]
    figures = figures_of(heard, load.warm_up_s, stats, site.cloud, site.edge, spent_s)
    return Trial(policy.name, site.edges, load, figures)


@asynccontextmanager
async def gateway(
    policy: Policy, cloud: EmulatedServer, edges: list[EmulatedServer], quality: QualityModel | None = None
) -> AsyncIterator[str]:
    """Our own gateway, as `app.create_app` builds it, with the edges registered as agents; gives its root URL.

    `quality` judges their passages in the place of the gateway's own score.
    """
    # Imported late: whatever the gateway takes from `time` must be taken once the clock is virtual.
    from picegate.app import create_app
    from picegate.assembly.scoring import score
    from picegate.settings import Settings
    from picegate.testbed.server import serving

    with tempfile.TemporaryDirectory(prefix="picegate-bench-") as folder:
        settings = Settings(**gateway_settings(policy, cloud.url, cloud.profile, Path(folder)))
        judge = score if quality is None else quality.judge
        async with serving(create_app(settings, judge)) as root, enrolled(edges, Enrolment(root, TOKEN)):
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
            "max_in_flight": cloud.engine.slots,
            "max_queued": 4096,
            "queue_s": WAIT_S,
            "price_input": cloud.price_input,
            "price_output": cloud.price_output,
        },
        "fleet": {"enrolment_token": TOKEN},
        "quality": {"repair": False, "ensemble": "never"},  # emulated passages are no prose
        "storage": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "logging": {"level": "error"},
    }
    for section, values in policy.settings.items():
        data[section] = {**data.get(section, {}), **values}
    return data
