"""API keys."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from picegate.access.keys import CACHE_S, KeyStore
from picegate.core.chat import ServiceLevel
from picegate.core.errors import NotFound
from picegate.database import open_database


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'keys.db'}")
    yield engine
    engine.dispose()


def test_a_new_key_opens_the_door(engine: Engine) -> None:
    keys = KeyStore(engine)
    secret, key = keys.create("laptop", admin=True)
    assert re.fullmatch(r"sk-pice-[A-Za-z0-9_-]{43}", secret)
    assert keys.check(secret) == key
    assert (key.name, key.admin, key.hint, key.revoked_at) == ("laptop", True, secret[-4:], None)


def test_a_key_may_stand_for_a_service_level(engine: Engine) -> None:
    keys = KeyStore(engine)
    secret, key = keys.create("batch", service_level=ServiceLevel.COST)
    plain, _ = keys.create("chat")
    assert keys.check(secret) == key
    assert key.service_level is ServiceLevel.COST
    assert (keys.check(plain) or key).service_level is None
    assert [listed.service_level for listed in keys.list()] == [ServiceLevel.COST, None]
    assert keys.revoke(key.id).service_level is ServiceLevel.COST


def test_two_keys_of_one_name_are_two_keys(engine: Engine) -> None:
    keys = KeyStore(engine)
    (first, a), (second, b) = keys.create("ci"), keys.create("ci")
    assert first != second
    assert a.id != b.id
    assert [key.id for key in keys.list()] == [a.id, b.id]


@pytest.mark.parametrize("secret", ["", "sk-pice-", "sk-pice-" + "A" * 43, "' OR 1=1 --", "秘密"])
def test_an_unknown_secret_opens_nothing(engine: Engine, secret: str) -> None:
    keys = KeyStore(engine)
    keys.create("someone else")
    assert keys.check(secret) is None


def test_the_secret_is_not_in_the_database(engine: Engine, tmp_path: Path) -> None:
    secret, key = KeyStore(engine).create("laptop")
    with engine.connect() as connection:
        stored = " ".join(map(str, connection.execute(text("SELECT * FROM api_keys")).one()))
    assert key.id in stored
    assert secret not in stored
    assert secret.removeprefix("sk-pice-")[:20] not in stored


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(engine: Engine) -> None:
    keys = KeyStore(engine)
    secret, key = keys.create("laptop")
    assert keys.check(secret) is not None
    assert keys.revoke(key.id).revoked_at is not None
    assert keys.check(secret) is None


def test_another_process_learns_of_a_revocation_when_its_cache_runs_out(engine: Engine) -> None:
    clock = Clock()
    gateway, command_line = KeyStore(engine, clock=clock), KeyStore(engine)
    secret, key = command_line.create("laptop")
    assert gateway.check(secret) is not None
    command_line.revoke(key.id)
    clock.now += CACHE_S - 0.01
    assert gateway.check(secret) is not None
    clock.now += 0.02
    assert gateway.check(secret) is None


def test_a_known_key_needs_no_query_for_a_while(engine: Engine) -> None:
    clock = Clock()
    keys = KeyStore(engine, clock=clock)
    secret, key = keys.create("laptop")
    assert keys.check(secret) == key
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM api_keys"))
    assert keys.check(secret) == key
    clock.now += CACHE_S
    assert keys.check(secret) is None


def test_a_key_is_revoked_by_the_beginning_of_its_id(engine: Engine) -> None:
    keys = KeyStore(engine)
    _, key = keys.create("laptop")
    assert keys.revoke(key.id[:9]).id == key.id


def test_revoking_twice_keeps_the_first_time(engine: Engine) -> None:
    keys = KeyStore(engine)
    _, key = keys.create("laptop")
    assert keys.revoke(key.id) == keys.revoke(key.id)


@pytest.mark.parametrize("name", ["", "key_nothere", "%"])
def test_nothing_is_revoked_by_a_name_that_fits_no_key(engine: Engine, name: str) -> None:
    keys = KeyStore(engine)
    keys.create("laptop")
    with pytest.raises(NotFound):
        keys.revoke(name)
    assert [key.revoked_at for key in keys.list()] == [None]


def test_a_beginning_that_fits_two_keys_revokes_neither_and_names_both(engine: Engine) -> None:
    keys = KeyStore(engine)
    (_, a), (_, b) = keys.create("one"), keys.create("two")
    with pytest.raises(NotFound) as caught:
        keys.revoke("key_")
    assert a.id in caught.value.message
    assert b.id in caught.value.message
    assert [key.revoked_at for key in keys.list()] == [None, None]


def test_only_what_was_checked_lately_is_recalled_without_a_query(engine: Engine) -> None:
    clock = Clock()
    keys = KeyStore(engine, clock=clock)
    secret, key = keys.create("laptop")
    assert keys.recall(secret) is None
    assert keys.check(secret) == key
    assert keys.recall(secret) == key
    clock.now += CACHE_S
    assert keys.recall(secret) is None


def test_many_threads_may_check_at_once(engine: Engine) -> None:
    keys = KeyStore(engine)
    secrets = [keys.create(str(n))[0] for n in range(4)]
    wrong: list[str] = []

    def check_all() -> None:
        wrong.extend(secret for secret in secrets * 10 if keys.check(secret) is None)

    threads = [threading.Thread(target=check_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
