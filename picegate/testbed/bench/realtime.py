"""The same trial in real time: cloud, edges and gateway in processes of their own, the load generator in this one.

What it shows that the virtual clock leaves out is the processor time of gateway and emulation; what it cannot do is be
quick. The emulation tells its lag, and a large one spoils every figure.
"""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from pydantic import TypeAdapter

from picegate.testbed.bench.figures import figures_of
from picegate.testbed.bench.offer import Load, offer
from picegate.testbed.bench.policies import Policy
from picegate.testbed.bench.trial import TOKEN, Trial, gateway_settings
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.__main__ import Spec
from picegate.testbed.emulated.fleet import Enrolment
from picegate.testbed.emulated.server import STATS_PATH, Stats
from picegate.testbed.emulated.site import Site
from picegate.testbed.programs import POLL_S, Program, ProgramFailed

START_S = 60.0
_LISTENING = re.compile(r"listening on (http://\S+)")


def run_real(policy: Policy, site: Site, workload: Workload, load: Load) -> Trial:
    """Run a trial; takes as long as the load lasts, and the last answers after it.

    Raises:
        ProgramFailed: one of the processes did not come up.
    """
    site = site.sharing(site.edge.engine.shares_prefixes and policy.shares_prefixes)
    with _programs(policy, site, workload, load.seed) as (root, upstreams):
        before = time.process_time()
        heard = asyncio.run(offer(root, policy, workload, load))
        spent_s = time.process_time() - before
        stats = [_stats(url) for url in upstreams]
    figures = figures_of(heard, load.warm_up_s, stats, site.cloud, site.edge, spent_s)
    return Trial(policy.name, site.edges, load, figures, clock="real")


@contextmanager
def _programs(policy: Policy, site: Site, workload: Workload, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Gives the gateway's root URL, and those of the cloud and the edges."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-bench-")))

        def start(name: str, argv: list[str]) -> Program:
            program = Program(name, argv, log=folder / f"{name}.log")
            stack.callback(program.end)
            return program

        def emulated(spec: Spec) -> Program:
            path = folder / f"{spec.role}.json"
            path.write_bytes(spec.as_json())
            return start(spec.role, ["python", "-m", "picegate.testbed.emulated", str(path)])

        spec = Spec("cloud", site, workload.questions, seed)
        cloud = emulated(spec).listening(START_S)
        config = folder / "picegate.toml"
        settings = gateway_settings(policy, f"{cloud}/v1", site.cloud, folder)
        config.write_text(_toml(settings | {"server": {"port": 0}}), encoding="utf-8")
        root = start("gateway", ["picegate", "serve", "--config", str(config)]).listening(START_S)
        edges: list[str] = []
        if site.edges:
            program = emulated(replace(spec, role="edges", enrolment=Enrolment(root, TOKEN)))
            edges = _all_listening(program, site.edges)
        yield root, [cloud, *edges]


def _all_listening(program: Program, count: int) -> list[str]:
    deadline = time.monotonic() + START_S
    while len(found := _LISTENING.findall(program.log.read_text(encoding="utf-8", errors="replace"))) < count:
        program.check()
        if time.monotonic() > deadline:
            raise ProgramFailed(f"only {len(found)} of {count} emulated edges came up; see {program.log}")
        time.sleep(POLL_S)
    return found


def _stats(url: str) -> Stats:
    return TypeAdapter(Stats).validate_json(httpx2.get(f"{url}{STATS_PATH}", trust_env=False).content)


def _toml(sections: dict[str, dict[str, Any]]) -> str:
    """JSON's strings, numbers and booleans are TOML's."""
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
