"""A whole system on the loopback: scripted cloud and edges, and the real gateway between them and the official SDK."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from openai import AsyncOpenAI

from picegate.app import create_app
from picegate.settings import Settings
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.server import LoopServer


@dataclass(frozen=True, slots=True)
class Cluster:
    """What `cluster()` gives. `url` ends in /v1, `root` does not."""

    root: str
    cloud: ScriptedCloud
    edges: tuple[ScriptedEdge, ...]
    settings: Settings
    app: FastAPI
    _open: AsyncExitStack = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def client(self, **options: Any) -> AsyncOpenAI:
        """The official client, without retries unless `max_retries` says so; closed with the cluster."""
        client = AsyncOpenAI(
            **{"base_url": self.url, "api_key": "sk-testbed", "max_retries": 0, "timeout": 20.0, **options}
        )
        self._open.push_async_callback(client.close)
        return client

    @property
    def open_legs(self) -> int:
        """Upstream calls that are still open, over the cloud and all edges."""
        return sum(upstream.open_legs for upstream in (self.cloud, *self.edges))


@asynccontextmanager
async def cluster(
    cloud: ScriptedCloud | None = None, /, edges: Iterable[ScriptedEdge] | None = None, **overrides: Mapping[str, Any]
) -> AsyncIterator[Cluster]:
    """Start fakes and gateway on free ports.

    `cloud` and `edges` are fakes that were not entered yet; by default one cloud and two edges. `overrides` are
    settings by section (`progressive={"level": 3}`); a section's other settings stay as the testbed has them: no key
    required, a ledger in a temporary folder, no repair of passages.
    """
    cloud = cloud or ScriptedCloud()
    fakes = tuple(edges) if edges is not None else (ScriptedEdge("edge-1"), ScriptedEdge("edge-2"))
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="picegate-testbed-"))
        for upstream in (cloud, *fakes):
            await stack.enter_async_context(upstream)
        settings = Settings(**_settings(cloud, fakes, Path(folder), overrides))
        app = create_app(settings)
        server = LoopServer(app)
        stack.push_async_callback(server.stop)
        await server.start()
        clients = await stack.enter_async_context(AsyncExitStack())
        yield Cluster(server.root, cloud, fakes, settings, app, clients)


def _settings(
    cloud: ScriptedCloud, edges: tuple[ScriptedEdge, ...], folder: Path, overrides: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    nodes = [
        {"name": edge.name, "url": edge.url, "model": edge.model, "slots": edge.slots}
        | ({"api_key": edge.api_key} if edge.api_key else {})
        | ({"context_tokens": edge.context_tokens} if edge.context_tokens else {})
        for edge in edges
    ]
    data: dict[str, Any] = {
        "access": {"require_key": False},
        "cloud": {"base_url": cloud.url, "model": cloud.model, "api_key": cloud.api_key or ""},
        "nodes": nodes,
        "quality": {"repair": False, "ensemble": "never"},  # what the fakes say is no prose
        "storage": {"url": f"sqlite:///{folder / 'ledger.db'}"},
    }
    for section, values in overrides.items():
        known = data.get(section)
        data[section] = {**known, **values} if isinstance(known, dict) else values
    return data
