"""API keys: made once, shown once, kept as hashes."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, DateTime, Engine, MetaData, Row, String, Table, insert, select, update

from picegate.core.chat import ServiceLevel
from picegate.core.errors import NotFound
from picegate.database import create_tables

SECRET_PREFIX = "sk-pice-"  # noqa: S105 - what secrets start with, so that scanners for leaked keys can find them
CACHE_S = 2.0  # a revoked key may be used this much longer
CACHE_LIMIT = 10_000

metadata = MetaData()
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("hint", String(8), nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created_at", DateTime, nullable=False),  # UTC
    Column("revoked_at", DateTime),  # UTC
)
# A table of its own, so that databases made before there were service levels need no migration.
key_levels = Table(
    "api_key_levels",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("service_level", String(16), nullable=False),
)
_rows = select(api_keys, key_levels.c.service_level).outerjoin(key_levels, key_levels.c.key_id == api_keys.c.id)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key once its secret was handed out. Times are UTC; `hint`: the secret's last 4 characters.

    `service_level`: of its requests that name none; None: the config's.
    """

    id: str
    name: str
    hint: str
    admin: bool
    created_at: datetime
    revoked_at: datetime | None = None
    service_level: ServiceLevel | None = None


class KeyStore:
    """Keys in the database. Safe to use from any thread; each call is one short query, `check` mostly none."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        create_tables(engine, metadata)
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[Key, float]] = {}  # digest -> key, and until when it is believed

    def create(self, name: str, *, admin: bool = False, service_level: ServiceLevel | None = None) -> tuple[str, Key]:
        """A new key and its secret, which nobody can read again."""
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        key = Key(
            f"key_{secrets.token_hex(6)}", name, secret[-4:], admin, datetime.now(UTC), service_level=service_level
        )
        with self._engine.begin() as connection:
            connection.execute(
                insert(api_keys).values(
                    id=key.id,
                    name=name,
                    digest=_digest(secret),
                    hint=key.hint,
                    admin=admin,
                    created_at=key.created_at.replace(tzinfo=None),
                )
            )
            if service_level is not None:
                connection.execute(insert(key_levels).values(key_id=key.id, service_level=service_level.value))
        return secret, key

    def recall(self, secret: str) -> Key | None:
        """The key of `secret` as far as that is known without a query; None where it takes one."""
        with self._lock:
            known = self._seen.get(_digest(secret))
        return known[0] if known is not None and self._clock() < known[1] else None

    def check(self, secret: str) -> Key | None:
        """The key that `secret` belongs to; None for an unknown or revoked one."""
        if (known := self.recall(secret)) is not None:
            return known
        digest, now = _digest(secret), self._clock()
        with self._engine.connect() as connection:
            row = connection.execute(_rows.where(api_keys.c.digest == digest)).one_or_none()
        # The index compares hashes, whose timing says nothing about the secret; the last word is constant-time anyway.
        alive = row is not None and row.revoked_at is None and hmac.compare_digest(row.digest, digest)
        key = _key(row) if row is not None and alive else None
        with self._lock:
            self._seen.pop(digest, None)
            if key is not None:  # unknown secrets are not kept: anyone could fill the memory with them
                if len(self._seen) >= CACHE_LIMIT:
                    self._seen.clear()
                self._seen[digest] = (key, now + CACHE_S)
        return key

    def list(self) -> list[Key]:
        """Every key, revoked ones too, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(_rows.order_by(api_keys.c.created_at, api_keys.c.id)).all()
        return [_key(row) for row in rows]

    def revoke(self, id_or_prefix: str) -> Key:
        """End a key, named by its id or by enough of its id's beginning. A revoked one stays as it is.

        Raises:
            NotFound: no key has that id, or several begin so.
        """
        found = [key for key in self.list() if id_or_prefix and key.id.startswith(id_or_prefix)]
        if not found:
            raise NotFound(f"No key has the id {id_or_prefix!r}.")
        if len(found) > 1:
            raise NotFound(
                f"{len(found)} keys have an id that begins with {id_or_prefix!r}: {', '.join(k.id for k in found)}."
            )
        with self._engine.begin() as connection:
            connection.execute(
                update(api_keys)
                .where(api_keys.c.id == found[0].id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC).replace(tzinfo=None))
            )
            row = connection.execute(_rows.where(api_keys.c.id == found[0].id)).one()
        with self._lock:
            self._seen.pop(row.digest, None)
        return _key(row)


def _digest(secret: str) -> str:
    # A slow hash protects passwords that people choose. These secrets are 256 random bits: nobody can guess through
    # them, and a fast hash lets every request be checked.
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> Key:
    revoked: datetime | None = row.revoked_at
    return Key(
        id=row.id,
        name=row.name,
        hint=row.hint,
        admin=row.admin,
        created_at=row.created_at.replace(tzinfo=UTC),
        revoked_at=revoked and revoked.replace(tzinfo=UTC),
        service_level=ServiceLevel(row.service_level) if row.service_level else None,
    )
