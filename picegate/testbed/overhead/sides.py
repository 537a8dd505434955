"""What the bench compares: the bare upstream, LiteLLM before it, and our gateway before it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from picegate.access.keys import KeyStore
from picegate.accounting.reader import Reader
from picegate.database import open_database
from picegate.testbed.fast_cloud import CHUNKS, MODEL
from picegate.testbed.overhead import litellm
from picegate.testbed.overhead.load import Target
from picegate.testbed.programs import Program

START_S = 30.0
DIRECT, LITELLM, GATEWAY = "direct", "LiteLLM", "picegate"


@dataclass(frozen=True, slots=True)
class Side:
    target: Target
    pid: int


@dataclass(frozen=True, slots=True)
class Sides:
    """`url` is where the gateway keeps its ledger."""

    direct: Side
    litellm: Side
    gateway: Side
    url: str
    litellm_version: str

    def all(self) -> tuple[Side, ...]:
        return (self.direct, self.litellm, self.gateway)

    def recorded(self) -> int:
        """Requests in the gateway's ledger."""
        database = open_database(self.url)
        try:
            return sum(usage.requests for usage in Reader(database).summary())
        finally:
            database.dispose()


@contextmanager
def running(work: Path, environment: Path, say: Callable[[str], None]) -> Iterator[Sides]:
    """All three on the loopback, ended on leaving. `environment`: where LiteLLM is, or is to be installed.

    Raises:
        ProgramFailed: one of them did not come up.
    """
    version = litellm.install(environment, say)
    with ExitStack() as stack:
        say("starting the upstream, LiteLLM and picegate")
        fake = ["python", "-m", "picegate.testbed.fast_cloud", str(CHUNKS)]
        cloud = Program("upstream", fake, log=work / "upstream.log")
        stack.callback(cloud.end)
        upstream = f"{cloud.listening(START_S)}/v1"
        other, other_target = litellm.start(environment, upstream, work)
        stack.callback(other.end)
        url = f"sqlite:///{work}/ledger.db"
        ours, gateway = serve(work, upstream, url)
        stack.callback(ours.end)
        yield Sides(
            Side(Target(DIRECT, upstream, MODEL), cloud.pid),
            Side(other_target, other.pid),
            Side(gateway, ours.pid),
            url,
            version,
        )


def serve(work: Path, upstream: str, url: str, more: str = "") -> tuple[Program, Target]:
    """Our gateway as an operator has it: keys asked for, a ledger on disk, metrics, a line of log per request."""
    database = open_database(url)
    secret, _ = KeyStore(database).create("bench")
    database.dispose()
    config = work / "picegate.toml"
    config.write_text(
        f"[server]\nport = 0\n[storage]\nurl = {json.dumps(url)}\n"
        f'[cloud]\nbase_url = "{upstream}"\nmodel = "{MODEL}"\nprice_input = 1.0\nprice_output = 3.0\n{more}',
        encoding="utf-8",
    )
    program = Program("picegate", ["picegate", "serve", "--config", str(config)], log=work / "picegate.log")
    try:
        root = program.listening(START_S)
    except BaseException:
        program.end()
        raise
    return program, Target(GATEWAY, f"{root}/v1", "pice-cloud", secret)
