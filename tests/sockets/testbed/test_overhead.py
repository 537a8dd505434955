"""The load generator and its fast upstream, and one short turn of the bench, on real sockets."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from picegate.testbed.overhead import load
from picegate.testbed.overhead.figures import SETTINGS
from picegate.testbed.overhead.load import LoadFailed, Target
from picegate.testbed.overhead.measure import Turns
from picegate.testbed.overhead.process import cpu_s, resident_mib
from picegate.testbed.overhead.sides import Side, serve
from picegate.testbed.programs import Program


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Side]:
    program = Program("upstream", ["python", "-m", "picegate.testbed.fast_cloud", "32"], log=tmp_path / "upstream.log")
    try:
        yield Side(Target("direct", f"{program.listening(20.0)}/v1", "cloud-model"), program.pid)
    finally:
        program.end()


@pytest.mark.parametrize("stream", [False, True])
def test_every_connection_asks_until_there_are_enough_answers(upstream: Side, stream: bool) -> None:
    run = load.run(upstream.target, stream=stream, connections=3, seconds=20.0, most=30)
    assert 30 <= len(run.total_s) <= 32
    assert all(0 < first <= total for first, total in zip(run.first_s, run.total_s, strict=True))


def test_an_answer_that_is_not_the_one_expected_ends_the_load(upstream: Side) -> None:
    with pytest.raises(LoadFailed, match="sent 32 words of 33"):
        load.run(replace(upstream.target, words=33), stream=True, connections=1, seconds=5.0, most=1)


def test_nobody_there_is_said(upstream: Side) -> None:
    with pytest.raises(LoadFailed, match="direct cannot be reached"):
        load.run(replace(upstream.target, url="http://127.0.0.1:9/v1"), stream=True, connections=1, seconds=5, most=1)


def test_the_gateway_answers_the_load_with_keys_and_a_ledger(upstream: Side, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    program, target = serve(tmp_path, upstream.target.url, url)
    try:
        turns = Turns([upstream, Side(target, program.pid)])
        turns.round(0.05, lambda _: None)
        with pytest.raises(LoadFailed, match="answered 401"):
            load.run(replace(target, key="sk-wrong"), stream=False, connections=1, seconds=1.0, most=1)
    finally:
        program.end()
    assert turns.count == 1
    for setting in SETTINGS:
        assert {side: len(seen) for side, seen in turns.rounds[setting].items()} == {"direct": 1, "picegate": 1}
    assert turns.answers["picegate"] >= len(SETTINGS)


def test_a_process_is_seen_with_its_memory_and_time() -> None:
    assert resident_mib(os.getpid()) > 10
    assert cpu_s(os.getpid()) > 0
