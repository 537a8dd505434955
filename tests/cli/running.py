"""The installed command line as a process of its own."""

import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 60.0  # nothing here takes a tenth of it; a hang must end all the same


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str


def environment(**settings: str) -> dict[str, str]:
    """Ours without any setting of the machine's owner; wide enough that tables are not folded."""
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith("PICEGATE_")}
    return own | {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"} | settings


def run(*arguments: str | Path, **settings: str) -> Ran:
    """`picegate` with these arguments and these further environment variables, until it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "picegate", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment(**settings),
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Served:
    process: "subprocess.Popen[str]"
    url: str
    log: Path

    def stop(self) -> int:
        """Ask it to end, as a service manager does; its exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE_S)


@contextmanager
def served(config: Path, *arguments: str, **settings: str) -> Iterator[Served]:
    """`picegate serve` on a free port, from its `listening` line on."""
    log = config.with_suffix(".log")
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "picegate", "serve", "--config", str(config), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment(**settings),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                assert ready.select(DEADLINE_S), "it never said that it listens"
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), f"{line}{log.read_text()}"
            yield Served(process, line.removeprefix("listening on ").strip(), log)
        finally:
            process.kill()
