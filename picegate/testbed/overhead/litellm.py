"""LiteLLM's proxy, for comparison only: in an environment of its own, no part of picegate's."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from picegate.testbed.overhead.load import Target
from picegate.testbed.programs import Program, ProgramFailed

REQUIREMENT = "litellm[proxy]>=1.80"
MODEL = "cloud-model"
KEY = "sk-picegate-bench"
INSTALL_S = 900.0
START_S = 90.0
_ASK = (
    "import importlib.metadata as m, importlib.util as u\n"
    "print(m.version('litellm'), 'torch' if u.find_spec('torch') else 'none')"
)
# It would fetch its price list from the internet at every start, and may look for a proxy before the loopback.
_SETTINGS = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def install(folder: Path, say: Callable[[str], None]) -> str:
    """Make the environment where it is not there yet; gives LiteLLM's version.

    Raises:
        ProgramFailed: pip could not, or torch came with it.
    """
    python = folder / "bin" / "python"
    if not (folder / "bin" / "litellm").exists():
        say(f"installing {REQUIREMENT} into {folder} (once)")
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT])
    version, torch = _run([str(python), "-c", _ASK]).split()
    if torch != "none":
        raise ProgramFailed(f"{folder} holds torch, which the comparison must not pull in: remove the folder")
    return version


def start(folder: Path, upstream: str, work: Path) -> tuple[Program, Target]:
    """Serve `upstream` (its /v1) with one worker, as picegate has one; asks for a key, as picegate does.

    Raises:
        ProgramFailed: it did not come up.
    """
    port = _free_port()
    config = work / "litellm.yaml"  # JSON is YAML
    entry = {
        "model_name": MODEL,
        "litellm_params": {"model": f"openai/{MODEL}", "api_base": upstream, "api_key": "sk-upstream"},
    }
    config.write_text(json.dumps({"model_list": [entry], "general_settings": {"master_key": KEY}}), encoding="utf-8")
    argv = ["litellm", "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    program = Program(
        "LiteLLM",
        [*argv, "--num_workers", "1", "--telemetry", "False"],
        log=work / "litellm.log",
        env=_SETTINGS,
        scripts=folder / "bin",
    )
    try:
        _wait(program, f"http://127.0.0.1:{port}/health/liveliness")
    except BaseException:
        program.end()
        raise
    return program, Target("LiteLLM", f"http://127.0.0.1:{port}/v1", MODEL, KEY)


def _wait(program: Program, url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        program.check()
        try:
            if httpx2.get(url, trust_env=False, timeout=5.0).is_success:
                return
        except httpx2.HTTPError:
            pass  # not yet
        time.sleep(0.3)
    raise ProgramFailed(f"{program.name} did not come up within {START_S:.0f} s; its log: {program.log}")


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S, check=False, env=_own())  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"{' '.join(argv[-2:])} took more than {INSTALL_S:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise ProgramFailed(f"LiteLLM cannot be installed: {lines[-1].strip()}")
    return done.stdout


def _own() -> dict[str, str]:
    """Its own packages, none of ours."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
