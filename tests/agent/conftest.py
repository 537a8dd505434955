"""A served fake agent, and the embedded model where a test asks for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_agent.app import create_app
from edge_agent.engine.port import Engine
from edge_agent.models.download import DEFAULT_CACHE, fetch
from edge_agent.models.manifest import EMBEDDED
from edge_agent.server import background
from edge_agent.settings import Settings

Serve = Callable[..., str]


def wait_for(condition: Callable[[], bool]) -> None:
    """For what happens on another thread or in a child process: look until it is so, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    """The embedded model, fetched on the first run on a machine."""
    return fetch(EMBEDDED, Path(os.environ.get("EDGE_AGENT_CACHE") or DEFAULT_CACHE))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Call it with an engine and settings: it serves them on a free port until the test ends, and gives the URL."""
    with ExitStack() as running:

        def start(engine: Engine, **settings: Any) -> str:
            return running.enter_context(background(create_app(engine, Settings(name="edge-1", **settings))))

        yield start
