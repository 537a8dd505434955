"""The life of nodes: they register, renew their lease, drain, go; and in between they lend their slots."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from edge_agent.protocol import Heartbeat, Lease, Register, Registered
from picegate.core.errors import BadRequest, ConfigError, Forbidden, NotFound, Unauthorized
from picegate.core.plan import NodeKind, NodeModel, NodeView
from picegate.core.ports import Clock, Observation, Wish
from picegate.nodes.breaker import Breaker
from picegate.nodes.memory import NodeStore
from picegate.nodes.node import Node
from picegate.nodes.slots import Slots
from picegate.settings import FleetSettings, StaticNodeSettings

_SWEEP_S = 1.0  # how often it is looked for those
_FORGET_S = 600.0  # an agent whose lease ended this long ago is no longer shown


class Registry:
    """The port `core.ports.Fleet`, and the registration of agents. To be called on the event loop's thread only.

    Raises:
        ConfigError: two static nodes have one name, or a node's url is not http(s).
    """

    def __init__(self, settings: FleetSettings, static: Sequence[StaticNodeSettings], *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._store = NodeStore()
        self._swept_at = clock()
        self._slots = Slots(self._store, clock)
        token = settings.enrolment_token
        self._enrolment = _hash(token.get_secret_value()) if token is not None else None
        for index, node in enumerate(static):
            if self._store.named(node.name) is not None:
                raise ConfigError(f"nodes.{index}.name: there are two nodes named {node.name!r}")
            if not _is_http(node.url):
                raise ConfigError(f"nodes.{index}.url: not an http(s) address: {node.url!r}")
            self._store.put(self._static(node))

    def register(self, register: Register, enrolment_token: str) -> Registered:
        """Take an agent in. Its name identifies it: it replaces the agent that had the name, whose token dies.

        Raises:
            Forbidden: this gateway has no enrolment token, so that no agent may register.
            Unauthorized: the wrong token.
            BadRequest: the name is a static node's, or the url is not http(s).
        """
        if self._enrolment is None:
            raise Forbidden("agents cannot register here: the gateway has no fleet.enrolment_token")
        if not hmac.compare_digest(self._enrolment, _hash(enrolment_token)):
            raise Unauthorized("wrong enrolment token")
        if not _is_http(register.url):
            raise BadRequest("url must be an http(s) address", param="url")
        namesake = self._store.named(register.name)
        if namesake is not None and namesake.kind is NodeKind.STATIC:
            raise BadRequest(f"the name {register.name!r} is taken by a node of the config", param="name")
        token = secrets.token_urlsafe(32)
        node = Node(
            id=f"agent-{secrets.token_hex(6)}",
            name=register.name,
            url=register.url.rstrip("/"),
            model=register.model,
            slots=register.slots,
            kind=NodeKind.AGENT,
            breaker=self._breaker(),
            context_tokens=register.context_tokens,
            api_key=register.api_key,
            models=tuple(NodeModel(m.name, m.slots, m.context_tokens) for m in register.models),
            token_hash=_hash(token),
            lease_until=self._clock() + self._settings.lease_s,
        )
        node.hear(register.load)
        node.hear_speed(register.speed, self._clock())
        self._forget()
        self._store.put(node)
        self._slots.changed()
        return Registered(
            node_id=node.id, token=token, lease_s=self._settings.lease_s, heartbeat_s=self._settings.heartbeat_s
        )

    def heartbeat(self, node_id: str, token: str, heartbeat: Heartbeat) -> Lease:
        """Renew a lease, also one that has ended.

        Raises:
            NotFound: unknown here; the agent registers again.
            Unauthorized: not this node's token.
        """
        node = self._own(node_id, token)
        node.lease_until = self._clock() + self._settings.lease_s
        node.hear(heartbeat.load)
        node.hear_speed(heartbeat.speed, self._clock())
        self._slots.changed()
        return Lease(lease_s=self._settings.lease_s, heartbeat_s=self._settings.heartbeat_s)

    def drain(self, node_id: str, token: str) -> None:
        """No new work for this node; what it has goes on. Raises as `heartbeat` does."""
        self._own(node_id, token).drain()
        self._slots.changed()

    def remove(self, node_id: str, token: str) -> None:
        """Forget this node. Raises as `heartbeat` does."""
        self._store.remove(self._own(node_id, token))
        self._slots.changed()

    def view(self) -> tuple[NodeView, ...]:
        self._forget()
        now = self._clock()
        return tuple(node.view(now) for node in self._store)

    def acquire(self, wish: Wish, timeout_s: float) -> AbstractAsyncContextManager[NodeView]:
        return self._slots.acquire(wish, timeout_s)

    def observe(self, node_id: str, seen: Observation) -> None:
        node = self._store.get(node_id)
        if node is not None:  # else it has gone meanwhile
            node.learn(seen, self._clock())
            self._slots.changed()

    def _own(self, node_id: str, token: str) -> Node:
        node = self._store.get(node_id)
        if node is None or node.token_hash is None:
            raise NotFound(f"no agent has the id {node_id!r} here")
        if not hmac.compare_digest(node.token_hash, _hash(token)):
            raise Unauthorized("wrong node token")
        return node

    def _static(self, settings: StaticNodeSettings) -> Node:
        return Node(
            id=f"static-{settings.name}",
            name=settings.name,
            url=settings.url.rstrip("/"),
            model=settings.model,
            slots=settings.slots,
            kind=NodeKind.STATIC,
            breaker=self._breaker(),
            context_tokens=settings.context_tokens,
            api_key=settings.api_key.get_secret_value() if settings.api_key is not None else None,
        )

    def _breaker(self) -> Breaker:
        return Breaker(self._settings.failures_to_open, self._settings.open_s)

    def _forget(self) -> None:
        now = self._clock()
        if now - self._swept_at < _SWEEP_S:
            return
        self._swept_at = now
        for node in self._store:
            if node.lease_until is not None and now >= node.lease_until + _FORGET_S and not node.in_use:
                self._store.remove(node)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that does not close
        return False
