"""`edge-agent bench`: the curve of one engine, here the fake one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import anyio
import pytest
from rich.console import Console
from typer.testing import CliRunner

from edge_agent.bench import curve_view
from edge_agent.bench.curve import Samples, measure
from edge_agent.cli import app
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.port import Job, ModelInfo, Piece
from edge_agent.errors import EngineFailed
from tests.agent.engine.test_trial import ticking

INFO = ModelInfo("small", 1024, 4, "fake")


def bench(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "bench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "150", "EDGE_AGENT_ENGINE": "fake", **environment},
    )


async def test_every_round_measures_every_size_after_one_warm_up() -> None:
    engine = FakeEngine(slots=4)
    said: list[str] = []
    samples = await measure(engine, 3, said.append, clock=ticking())
    assert engine.finished == 1 + 3 * (1 + 1 + 2 + 4)
    assert len(samples.prefill) == 3
    assert {count: len(rates) for count, rates in samples.decode.items()} == {1: 3, 2: 3, 4: 3}
    assert said[:3] == ["loading the model", "warming up", "round 1 of 3: prefill"]
    assert not samples.interrupted


def test_the_table_shows_medians_with_their_spread() -> None:
    samples = Samples(INFO, prefill=[250.0, 260.0, 300.0], decode={1: [20.0], 4: [50.0, 60.0, 80.0]})
    console = Console(width=150, file=(page := StringIO()))
    console.print(curve_view.table(samples))
    prefill, one, four = page.getvalue().splitlines()[2:5]
    assert prefill.split()[:2] == ["prefill", "260.0"]
    assert "(250.0 to 300.0)" in prefill
    assert four.split()[4] == "60.0"
    assert "15.0" in four  # of each
    assert four.count("█") == curve_view.BAR_WIDTH
    assert one.count("█") == curve_view.BAR_WIDTH // 3


def test_the_picture_holds_together_and_each() -> None:
    drawn = curve_view.svg(Samples(INFO, decode={1: [20.0], 2: [30.0]}))
    assert drawn.startswith("<svg")
    assert drawn.count("<polyline") == 2


def test_the_program_prints_json_and_writes_the_picture(tmp_path: Path) -> None:
    plot = tmp_path / "curve.svg"
    process = bench("--slots", "3", "--repeats", "2", "--json", "--plot", str(plot), EDGE_AGENT_FAKE_TOKEN_S="0.0005")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert [(row["sequences"], row["samples"]) for row in told["decode"]] == [(1, 2), (2, 2), (3, 2)]
    assert told["prefill"]["low"] <= told["prefill"]["median"] <= told["prefill"]["high"]
    assert not told["interrupted"]
    assert plot.read_text().startswith("<svg")


def test_a_picture_that_cannot_be_written_is_one_line_after_the_table(tmp_path: Path) -> None:
    process = bench("--slots", "1", "--repeats", "1", "--plot", str(tmp_path / "gone" / "curve.svg"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "decode, 1 at once" in out
    assert err.strip().endswith("curve.svg: No such file or directory")
    assert len(err.strip().splitlines()) == 1


class Interrupted(FakeEngine):
    """Somebody presses Ctrl-C when it is asked for its fourth answer: prefill and one decode have been measured."""

    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().generate(job) as pieces:
            if len(self.jobs) >= 4 and job is self.jobs[3]:
                os.kill(os.getpid(), signal.SIGINT)
                await anyio.sleep_forever()
            yield pieces


def test_ctrl_c_ends_it_with_what_it_has_and_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Interrupted(slots=2)
    monkeypatch.setattr("edge_agent.cli.choose", lambda *_: engine)
    ended = CliRunner().invoke(app, ["bench", "--engine", "fake", "--json"])
    assert ended.exit_code == 130
    told = json.loads(ended.stdout)
    assert told["interrupted"]
    assert told["prefill"]["samples"] == 1
    assert [row["sequences"] for row in told["decode"]] == [1]
    assert engine.running == 0


class Failing(FakeEngine):
    @asynccontextmanager
    async def generate(self, job: Job) -> AsyncIterator[AsyncIterator[Piece]]:
        async with super().generate(job):
            raise EngineFailed("out of memory")
            yield


def test_an_engine_that_fails_is_one_line_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.cli.choose", lambda *_: Failing())
    ended = CliRunner().invoke(app, ["bench", "--engine", "fake"])
    assert (ended.exit_code, ended.stderr.strip()) == (1, "edge-agent: the engine failed: out of memory")
