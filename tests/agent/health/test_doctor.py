"""The visit and its command, on this machine and on boxes that are not here."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from edge_agent import serve
from edge_agent.cli import app
from edge_agent.engine import build, choose
from edge_agent.engine.build import from_json, look, to_json
from edge_agent.errors import EngineMissing
from edge_agent.health import doctor
from edge_agent.health.doctor import ask_build, gateway_fault, visit
from edge_agent.server import background, bind, url_of
from edge_agent.settings import load
from tests.agent.health.boxes import GIB, JETSON, a_box, a_build, build_tree, gpu, write_gguf

TINY = {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 2,
    "llama.context_length": 4096,
}
runner = CliRunner()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY", "ENGINE", "MODEL"):
        monkeypatch.delenv(f"EDGE_AGENT_{name}", raising=False)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny.gguf", TINY, {"token_embd.weight": 64, "blk.0.q.weight": 64})


@pytest.fixture
def orin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed llama.cpp is one with CUDA on a Jetson, for the doctor and for `serve`."""
    cuda = a_build(gpu(6 * GIB))
    monkeypatch.setattr(doctor, "installed", lambda _: "llama")
    monkeypatch.setattr(doctor, "ask_build", lambda _: (cuda, None))
    monkeypatch.setattr(serve, "installed", lambda _: "llama")
    monkeypatch.setattr(serve, "look", lambda _: cuda)


def test_a_jetson_is_examined_from_its_files(orin: None, tiny: Path, tmp_path: Path) -> None:
    facts = visit(load(options={"model": str(tiny)}), build_tree(tmp_path / "orin", JETSON))
    assert facts.fit is not None
    assert facts.fit.situation == "unified memory"
    assert facts.box.tegra is not None


def test_the_doctors_choices_are_those_that_serve_logs(
    orin: None, tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(doctor, "probe", lambda _: a_box())
    monkeypatch.setattr(serve, "probe", a_box)
    told = runner.invoke(app, ["doctor", "--model", str(tiny), "--slots", "2"]).output
    with caplog.at_level(logging.INFO, logger="edge_agent"):
        options = serve.engine_options(load(options={"model": str(tiny), "slots": 2}))
    (line,) = caplog.messages
    rows = line.split("; ")
    assert len(rows) == 7
    assert all(f"  {row}\n" in told for row in rows)
    assert (options.gpu_layers, options.ubatch_size, options.slots) == (2, 512, 2)


def test_without_any_engine_it_still_tells_of_the_box(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda _: None)
    result = runner.invoke(app, ["doctor", "--model", str(tiny)])
    assert result.exit_code == 1
    assert "FAULT engine: no engine is installed" in result.output
    assert "  cores " in result.output


def test_a_missing_model_is_a_fault(tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--model", str(tmp_path / "gone.gguf")])
    assert result.exit_code == 1
    assert "FAULT model: no such model file" in result.output


def test_the_embedded_model_is_not_fetched_by_a_visit(tmp_path: Path) -> None:
    facts = visit(load(options={"cache": tmp_path}))
    assert (facts.to_fetch, facts.model_fault) == (True, None)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_is_one_line_and_status_2() -> None:
    result = runner.invoke(app, ["doctor", "--ubatch-size", "1"])
    assert (result.exit_code, "--ubatch-size: " in result.output) == (2, True)


def test_a_gateway_that_is_alive_is_well() -> None:
    gateway = FastAPI()
    gateway.add_api_route("/health/live", lambda: {"status": "ok"})
    with background(gateway) as url:
        assert gateway_fault(url) is None
        assert gateway_fault(f"{url}/v1") is None


def test_a_gateway_that_is_not_there_or_is_none_is_found() -> None:
    with background(FastAPI()) as url:
        assert gateway_fault(url) == "it answers 404, which no gateway does"
    assert gateway_fault(url)


def test_a_gateway_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "GATEWAY_S", 0.05)
    mute = bind("127.0.0.1", 0)
    with mute:
        mute.listen()
        assert gateway_fault(url_of(mute))


def test_an_engine_that_crashes_is_a_finding_and_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -ILL $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    assert ask_build("llama") == (None, "the engine 'llama' crashes (signal 4): it was made for another machine")


def test_an_engine_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(EngineMissing, match="'prebuilt' does not load"):
        look("prebuilt")


@pytest.mark.model
@pytest.mark.parametrize("engine", ["llama", "prebuilt"])
def test_the_installed_engines_say_what_they_are_made_for(engine: Any) -> None:
    told, fault = ask_build(engine)
    assert fault is None
    assert told is not None
    assert told.engine == engine
    assert "CPU" in told.backends
    assert from_json(json.dumps(to_json(told))) == told


@pytest.mark.model
def test_devices_are_read_from_ggml_with_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: True)
    monkeypatch.setattr(build, "GPU", 0)  # ggml's number for the processor, the one device that every box has
    devices = look("llama").devices
    assert "CPU" in {device.name for device in devices}
    assert all(0 < device.free <= device.total for device in devices)


@pytest.mark.model
def test_the_program_tells_machines_in_json(embedded_model: Path) -> None:
    command = [sys.executable, "-m", "edge_agent", "doctor", "--json", "--model", str(embedded_model), "--slots", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=os.environ)
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0 if told["healthy"] else 1, "")
    assert told["choices"]["placement"]["cache_type"]["value"] == "f16"
    assert {"box", "engine", "findings"} < set(told)
