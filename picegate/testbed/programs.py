"""Programs of ours as child processes: started, waited for, and ended whatever happens."""

import os
import re
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_LISTENING = re.compile(r"listening on (http://\S+)")
_OWN_SETTINGS = ("PICEGATE_", "EDGE_AGENT_")
POLL_S = 0.05


class ProgramFailed(Exception):
    """A program ended, or did not come up in time; says the last line of its log."""


class Program:
    """One child process with its log in a file. `argv[0]` is one of our console scripts, or python."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        scripts: Path | None = None,
        niceness: int = 0,
    ) -> None:
        """`scripts`: the folder of another environment's programs; None: of ours. `niceness`: more than our own."""
        self.name = name
        self.log = log
        script = (scripts or Path(sysconfig.get_path("scripts"))) / argv[0]
        # The caller's own PICEGATE_* and EDGE_AGENT_* are meant for another gateway than this one.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_SETTINGS)}
        if scripts is not None:
            inherited.pop("PYTHONPATH", None)
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own scripts and arguments)
                [str(script), *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**inherited, **(env or {})},
                start_new_session=True,  # Ctrl-C reaches us alone; we end the children in order
            )
        if niceness:  # at once: threads that it begins later are as nice
            os.setpriority(os.PRIO_PROCESS, self.pid, os.getpriority(os.PRIO_PROCESS, 0) + niceness)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def listening(self, timeout_s: float) -> str:
        """The URL it says it listens on, once it does.

        Raises:
            ProgramFailed: it ended before, or said nothing for `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if found := _LISTENING.search(self._logged()):
                return found[1]
            self.check()
            if time.monotonic() > deadline:
                raise ProgramFailed(f"{self.name} did not come up within {timeout_s:.0f} s; its log: {self.log}")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raises ProgramFailed if it has ended."""
        if not self.running:
            lines = [line for line in self._logged().splitlines() if line.strip()] or ["it said nothing"]
            raise ProgramFailed(f"{self.name} ended with status {self._process.returncode}: {lines[-1].strip()}")

    def ask_to_end(self) -> None:
        if self.running:
            self._process.terminate()

    def end(self, grace_s: float = 10.0) -> None:
        """Ask it to end, wait, and kill it where it does not."""
        self.ask_to_end()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _logged(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")
