"""The agent's side of `protocol.py`: register, keep the lease, say goodbye."""

import logging
import random
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import anyio
import httpx2
from pydantic import ValidationError

from edge_agent.agent import Agent
from edge_agent.errors import EnrolmentRefused
from edge_agent.protocol import (
    DRAIN_PATH,
    HEARTBEAT_PATH,
    NODE_PATH,
    REGISTER_PATH,
    Heartbeat,
    Lease,
    Register,
    Registered,
)

log = logging.getLogger("edge_agent")

CALL_S = 5.0  # one call to the gateway
GOODBYE_S = 2.0  # at the end nobody waits long for it
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
FORGOTTEN = (401, 403, 404, 410)  # the gateway does not know this node any more
FOR_NOW = (404, 408, 425, 429)  # of the 4xx to a registration, those that may pass


def backoff_s(attempt: int, chance: float) -> float:
    """Seconds before try `attempt` + 1. `chance` in [0, 1) spreads a fleet whose gateway came back ("equal jitter")."""
    longest = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(attempt, 16))
    return longest * (0.5 + chance / 2)


def own_address(gateway: str) -> str:
    """The address of this machine on the way to `gateway`; nothing is sent."""
    parts = urlsplit(gateway)
    try:
        family, kind, _, _, address = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()


class _NotNow(Exception):
    """The gateway could not be asked, or could not answer."""


class GatewayLink:
    """Keeps this agent registered at the gateway at `url`, for as long as `run` runs.

    `card` describes the agent; its load and speed are filled in here. `clock` gives seconds, monotonic.
    """

    def __init__(
        self,
        agent: Agent,
        card: Register,
        *,
        url: str,
        token: str,
        client: httpx2.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agent = agent
        self._card = card
        self._url = url.removesuffix("/v1")
        self._enrolment_token = token
        self._client = client
        self._clock = clock
        self._node: Registered | None = None

    async def run(self) -> None:
        """Register, renew the lease, register again when it is lost.

        Raises:
            EnrolmentRefused: the gateway does not take this agent; trying again would not help.
        """
        attempt = 0
        while not self._agent.roster.draining:
            try:
                self._node = await self._register()
            except _NotNow as error:
                wait = backoff_s(attempt, random.random())  # noqa: S311 (no secret)
                if attempt == 0:
                    log.warning("cannot register at %s yet: %s; trying again until it works", self._url, error)
                attempt += 1
                await anyio.sleep(wait)
                continue
            attempt = 0
            self._agent.registered = True
            log.info("registered at %s as %s (%s)", self._url, self._card.name, self._node.node_id)
            try:
                await self._keep(self._node)
            finally:
                self._agent.registered = False
            log.warning("%s has forgotten this agent or is lost; registering again", self._url)

    async def drain(self) -> None:
        """Ask the gateway to send nothing new. Best effort."""
        await self._last_word("POST", DRAIN_PATH)

    async def leave(self) -> None:
        """Say goodbye. Best effort."""
        await self._last_word("DELETE", NODE_PATH)
        self._node = None

    async def _register(self) -> Registered:
        agent = self._agent
        card = self._card.model_copy(update={"load": agent.roster.load(), "speed": agent.desk.speed()})
        reply = await self._call("POST", REGISTER_PATH, self._enrolment_token, card.model_dump(mode="json"))
        if reply.status_code in (401, 403):
            raise EnrolmentRefused(f"{self._url} refuses the enrolment token: {_message(reply)}")
        if 400 <= reply.status_code < 500 and reply.status_code not in FOR_NOW:
            raise EnrolmentRefused(f"{self._url} refuses this agent ({reply.status_code}): {_message(reply)}")
        if not reply.is_success:
            raise _NotNow(f"it answered {reply.status_code}: {_message(reply)}")
        try:
            return Registered.model_validate_json(reply.content)
        except ValidationError as error:
            raise _NotNow("its answer is not that of a gateway") from error

    async def _keep(self, node: Registered) -> None:
        """Renew the lease until the gateway no longer knows us, or could not be reached for the length of a lease."""
        lease: Lease = node
        renewed = self._clock()
        while self._clock() - renewed <= lease.lease_s:
            await anyio.sleep(lease.heartbeat_s * (0.9 + random.random() / 10))  # noqa: S311 (no secret)
            agent = self._agent
            # The curve every time, not only when it has moved: it is some hundred bytes, and nobody needs to remember.
            beat = Heartbeat(load=agent.roster.load(), speed=agent.desk.speed()).model_dump(mode="json")
            try:
                reply = await self._call("POST", HEARTBEAT_PATH.format(node_id=node.node_id), node.token, beat)
            except _NotNow:
                continue
            if reply.status_code in FORGOTTEN:
                return
            if reply.is_success:
                renewed = self._clock()
                lease = _lease(reply, lease)

    async def _last_word(self, method: str, path: str) -> None:
        if self._node is None:
            return
        with anyio.move_on_after(GOODBYE_S, shield=True):
            try:
                await self._call(method, path.format(node_id=self._node.node_id), self._node.token)
            except _NotNow as error:
                log.warning("%s was not told that this agent leaves: %s", self._url, error)

    async def _call(self, method: str, path: str, bearer: str, body: object = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {bearer}"}
        try:
            with anyio.fail_after(CALL_S):
                return await self._client.request(method, self._url + path, json=body, headers=headers)
        except TimeoutError as error:
            raise _NotNow("it does not answer") from error
        except httpx2.HTTPError as error:
            raise _NotNow(str(error) or type(error).__name__) from error


def _lease(reply: httpx2.Response, old: Lease) -> Lease:
    try:
        return Lease.model_validate_json(reply.content)
    except ValidationError:
        return old


def _message(reply: httpx2.Response) -> str:
    """What an OpenAI-shaped error says, else the beginning of the body."""
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:200].strip() or reply.reason_phrase
