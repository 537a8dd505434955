"""Agents as they run in the field: the installed program, a process of its own, registered at a real gateway."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import Process

TOKEN = "enrol-me"
FLEET = {"enrolment_token": TOKEN, "lease_s": 2.0, "heartbeat_s": 0.3}


@asynccontextmanager
async def agent(gateway: str, name: str, *options: str, **environment: str) -> AsyncIterator[Process]:
    """`edge-agent serve` on a free port; whatever is left of it is killed at the end."""
    command = [sys.executable, "-m", "edge_agent", "serve", "--gateway", gateway, "--token", TOKEN, "--port", "0"]
    process = await anyio.open_process(
        [*command, "--name", name, *options], stdout=None, stderr=None, env=os.environ | environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.aclose()
