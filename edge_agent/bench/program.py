"""A real `edge-agent serve` beside the benchmark."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.bench.peers.backend import Setup
from edge_agent.bench.process import SideFailed

GOODBYE_S = 20.0


@contextmanager
def serving(setup: Setup) -> Iterator[str]:
    """Its URL. Raises SideFailed where it does not come up."""
    options = {
        "--model": setup.model,
        "--model-name": "bench",
        "--slots": setup.slots,
        "--ctx": setup.context_tokens,
        "--threads": setup.threads,
        "--port": 0,
    }
    words = [str(word) for pair in options.items() for word in pair]
    command = [sys.executable, "-m", "edge_agent", "serve", *words, "--no-self-test"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:  # noqa: S603
        try:
            line = program.stdout.readline() if program.stdout else ""
            if "listening on " not in line:
                raise SideFailed(f"edge-agent serve did not come up: {line.strip() or 'run it by hand to see why'}")
            yield line.split("listening on ")[1].split()[0]
        finally:
            program.terminate()
            program.wait(GOODBYE_S)
