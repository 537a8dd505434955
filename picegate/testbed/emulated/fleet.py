"""Emulated edges as agents of a gateway: registered, their leases renewed, over the agents' own protocol."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx2

from edge_agent.protocol import HEARTBEAT_PATH, REGISTER_PATH, Heartbeat, Load, Register, Registered
from picegate.testbed.emulated.server import EmulatedServer


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Where to register, and with which token."""

    root: str
    token: str


@asynccontextmanager
async def enrolled(edges: Sequence[EmulatedServer], at: Enrolment) -> AsyncIterator[None]:
    """Every edge is registered while the block lasts.

    Raises:
        httpx2.HTTPError: the gateway does not take one of them.
    """
    # A connection for each call: on a virtual clock a kept one would be closed in the very moment of the next beat.
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with (
        httpx2.AsyncClient(base_url=at.root, timeout=10.0, trust_env=False, limits=limits) as http,
        asyncio.TaskGroup() as beating,
    ):
        tasks = [beating.create_task(_renew(http, edge, await _register(http, edge, at.token))) for edge in edges]
        yield
        for task in tasks:
            task.cancel()


async def _register(http: httpx2.AsyncClient, edge: EmulatedServer, token: str) -> Registered:
    register = Register(
        name=edge.name,
        url=edge.url,
        model=edge.profile.name,
        slots=edge.profile.engine.slots,
        context_tokens=edge.profile.engine.context_tokens,
        engine="emulated",
    )
    reply = await http.post(
        REGISTER_PATH, content=register.model_dump_json(), headers={"authorization": f"Bearer {token}"}
    )
    reply.raise_for_status()
    return Registered.model_validate_json(reply.content)


async def _renew(http: httpx2.AsyncClient, edge: EmulatedServer, lease: Registered) -> None:
    path = HEARTBEAT_PATH.format(node_id=lease.node_id)
    headers = {"authorization": f"Bearer {lease.token}"}
    while True:
        await asyncio.sleep(lease.heartbeat_s)
        with suppress(httpx2.HTTPError):  # a lost beat is what leases are for
            await http.post(path, content=Heartbeat(load=_load(edge)).model_dump_json(), headers=headers)


def _load(edge: EmulatedServer) -> Load:
    """As an agent tells it: one sequence's speed at the present batch."""
    profile = edge.profile.engine
    writing = max(1, len(edge.engine.live))
    return Load(
        slots_busy=len(edge.engine.live),
        queued=len(edge.engine.queue),
        tokens_per_s=1 / profile.step_s(writing, 0),
        prefill_tokens_per_s=profile.prefill_tokens_per_s,
    )
