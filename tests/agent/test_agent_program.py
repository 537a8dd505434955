"""The program itself, as a child process: starting, registering, draining, and every way to fail at it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from edge_agent.server import bind, url_of
from tests.agent.conftest import wait_for
from tests.agent.health.boxes import write_gguf
from tests.agent.scripted_gateway import ScriptedGateway

Start = Callable[..., "Child"]


class Child:
    """A running `edge-agent`. `url` is read from its first line."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listening on http://" in line, self.process.communicate()
        return line.split("listening on ")[1].split()[0]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        return self.result()

    def result(self) -> tuple[int, str]:
        """Exit status and stderr."""
        _, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stderr


@pytest.fixture
def start() -> Iterator[Start]:
    children: list[Child] = []

    def run(*arguments: str, **environment: str) -> Child:
        children.append(Child(*arguments, **environment))
        return children[-1]

    yield run
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
            child.process.communicate()


FAKE = ("serve", "--engine", "fake", "--port", "0", "--name", "edge-1")


def one_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


def test_it_serves_until_it_is_told_to_stop(start: Start) -> None:
    child = start(*FAKE, "--slots", "2")
    url = child.url()
    assert httpx2.get(f"{url}/node/v1/status").json()["slots"] == 2
    assert child.end() == (0, "")


def test_every_option_also_comes_from_environment_and_file(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('engine = "fake"\nport = 0\nname = "from-file"\nctx = 99')
    child = start("serve", "--config", str(config), EDGE_AGENT_MODEL_NAME="from-env")
    status = httpx2.get(f"{child.url()}/node/v1/status").json()
    assert (status["name"], status["model"], status["context_tokens"]) == ("from-file", "from-env", 99)
    assert child.end(signal.SIGINT)[0] == 0


def test_it_registers_with_what_the_gateway_must_know(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--gateway", gateway_url, "--token", "enrol", "--slots", "3")
        url = child.url()
        gateway.wait_for("heartbeat", 2)
        card = gateway.cards[0]
        assert (card.name, card.url, card.model, card.slots) == ("edge-1", f"{url}/v1", "fake", 3)
        assert card.api_key
        assert httpx2.get(f"{url}/node/v1/status").status_code == 401
        status = httpx2.get(f"{url}/node/v1/status", headers={"authorization": f"Bearer {card.api_key}"}).json()
        assert status["registered"]
        assert gateway.beats[0]["load"]["slots_busy"] == 0
        assert child.end()[0] == 0
    assert [call for call in gateway.calls if call != "heartbeat"] == ["register", "drain", "leave"]


def test_it_tells_its_curve_with_heartbeats_and_where_it_registers_again(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--self-test", "--slots", "3", "--gateway", gateway_url, "--token", "enrol")
        gateway.wait_for("heartbeat")
        wait_for(lambda: len((gateway.beats[-1]["speed"] or {"decode": ()})["decode"]) == 3)
        speed = gateway.beats[-1]["speed"]
        assert [rate["sequences"] for rate in speed["decode"]] == [1, 2, 3]
        assert {rate["source"] for rate in (speed["prefill"], *speed["decode"])} == {"self_test"}
        assert gateway.beats[-1]["load"]["tokens_per_s"] is None
        gateway.knows = False
        gateway.wait_for("register", 2)
        wait_for(lambda: len(gateway.cards) == 2)
        assert gateway.cards[1].speed is not None
        status, stderr = child.end()
    assert status == 0
    assert "measured: prefill " in stderr


def test_the_fake_engine_does_not_measure_itself_unasked(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--gateway", gateway_url, "--token", "enrol")
        gateway.wait_for("heartbeat", 3)
        status, stderr = child.end()
    assert status == 0
    assert "measured" not in stderr
    assert all(beat["speed"] is None for beat in gateway.beats)


def test_an_advertised_url_and_a_given_key_are_told_as_they_are(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        start(*FAKE, "--gateway", gateway_url, "--token", "enrol", "--advertise", "http://edge:1/v1", "--api-key", "k")
        gateway.wait_for("heartbeat")
    assert (gateway.cards[0].url, gateway.cards[0].api_key) == ("http://edge:1/v1", "k")


def test_a_gateway_that_has_forgotten_it_is_told_again(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--gateway", gateway_url, "--token", "enrol")
        gateway.wait_for("heartbeat")
        gateway.knows = False
        gateway.wait_for("register", 2)
        gateway.wait_for("heartbeat", 3)
        assert child.end()[0] == 0


def test_a_gateway_that_is_not_up_yet_is_waited_for_while_serving(start: Start) -> None:
    reserved = bind("127.0.0.1", 0)
    gateway_url = url_of(reserved)
    reserved.close()
    child = start(*FAKE, "--gateway", gateway_url, "--token", "enrol", "--api-key", "k")
    url = child.url()
    assert httpx2.get(f"{url}/health").status_code == 200
    gateway = ScriptedGateway(failing=1)
    with gateway.serving(port=int(gateway_url.rsplit(":", 1)[1])):
        gateway.wait_for("heartbeat")
        assert gateway.calls.count("register") == 2
        assert child.end()[0] == 0


def test_a_gateway_that_was_lost_for_a_lease_is_registered_at_again(start: Start) -> None:
    gateway = ScriptedGateway(lease_s=0.2)
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--gateway", gateway_url, "--token", "enrol", "--api-key", "k")
        status = f"{child.url()}/node/v1/status"
        gateway.wait_for("heartbeat")
    key = {"authorization": "Bearer k"}
    wait_for(lambda: not httpx2.get(status, headers=key).json()["registered"])
    with gateway.serving(port=int(gateway_url.rsplit(":", 1)[1])):
        gateway.wait_for("register", 2)
        assert child.end()[0] == 0


def test_a_wrong_enrolment_token_ends_it_with_one_line_and_status_3(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(*FAKE, "--gateway", gateway_url, "--token", "wrong")
        status, stderr = child.result()
    assert status == 3
    assert "refuses the enrolment token: Unknown enrolment token." in one_line(stderr)
    assert gateway.calls == ["register"]


def test_on_sigterm_running_streams_finish_and_new_work_is_refused(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        child = start(
            *FAKE, "--gateway", gateway_url, "--token", "enrol", "--api-key", "k", EDGE_AGENT_FAKE_TOKEN_S="0.02"
        )
        chat = f"{child.url()}/v1/chat/completions"
        key = {"authorization": "Bearer k"}
        body = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
        gateway.wait_for("heartbeat")
        with httpx2.stream("POST", chat, json=body, headers=key) as running:
            lines = running.iter_lines()
            next(lines)
            child.process.send_signal(signal.SIGTERM)
            gateway.wait_for("drain")
            assert "leave" not in gateway.calls
            assert httpx2.post(chat, json=body, headers=key).status_code == 503
            assert [line for line in lines if line][-1] == "data: [DONE]"
        assert child.result()[0] == 0
        assert gateway.calls[-1] == "leave"


def test_a_stream_that_outlives_the_drain_is_cut(start: Start) -> None:
    child = start(*FAKE, "--drain-s", "0.1", EDGE_AGENT_FAKE_TOKEN_S="1")
    body = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    with httpx2.stream("POST", f"{child.url()}/v1/chat/completions", json=body) as running:
        lines = running.iter_lines()
        next(lines)
        assert child.end()[0] == 0


def test_a_port_in_use_is_one_line_and_status_2(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, stderr = start("serve", "--engine", "fake", "--port", port).result()
    assert status == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in one_line(stderr)


def test_a_missing_model_file_is_one_line_and_status_1(start: Start, tmp_path: Path) -> None:
    status, stderr = start("serve", "--model", str(tmp_path / "gone.gguf"), "--port", "0").result()
    assert status == 1
    assert "no such model file" in one_line(stderr)


def test_further_models_are_served_and_told_to_the_gateway(start: Start) -> None:
    gateway = ScriptedGateway()
    with gateway.serving() as gateway_url:
        also = ("--also", "b.gguf=other", "--also", "c.gguf")
        child = start(*FAKE, *also, "--gateway", gateway_url, "--token", "enrol", "--api-key", "k", "--slots", "2")
        body = {"model": "other", "messages": [{"role": "user", "content": "Hello"}]}
        key = {"authorization": "Bearer k"}
        reply = httpx2.post(f"{child.url()}/v1/chat/completions", json=body, headers=key)
        assert (reply.status_code, reply.json()["model"]) == (200, "other")
        gateway.wait_for("heartbeat")
        assert child.end()[0] == 0
    assert [(card.name, card.slots) for card in gateway.cards[0].models] == [("fake", 2), ("other", 2), ("c", 2)]


def test_a_further_model_of_the_main_ones_name_is_one_line_and_status_2(start: Start) -> None:
    status, stderr = start(*FAKE, "--also", "x.gguf=fake").result()
    assert status == 2
    assert "also: 'fake' is the main model's name" in one_line(stderr)


@pytest.mark.model
def test_a_further_model_that_is_no_gguf_is_one_line_and_status_1(
    start: Start, tmp_path: Path, embedded_model: Path
) -> None:
    (tmp_path / "b.gguf").write_bytes(b"PK\x03\x04 some zip")
    also = ("--also", str(tmp_path / "b.gguf"))
    status, stderr = start("serve", "--model", str(embedded_model), "--port", "0", *also).result()
    assert status == 1
    chosen, complaint = stderr.splitlines()  # the first one is what suits the main model
    assert "gpu_layers" in chosen
    assert "not a GGUF file" in one_line(complaint)


def test_a_file_that_is_no_gguf_is_one_line_and_status_1(start: Start, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04 some zip")
    status, stderr = start("serve", "--model", str(tmp_path / "model.gguf"), "--port", "0").result()
    assert status == 1
    assert "not a GGUF file" in one_line(stderr)


@pytest.mark.model
@pytest.mark.parametrize("engine", ["llama", "prebuilt"])
def test_a_gguf_that_llama_cpp_refuses_is_one_line_and_status_1(
    start: Start, tmp_path: Path, embedded_model: Path, engine: str
) -> None:
    (tmp_path / "half.gguf").write_bytes(embedded_model.read_bytes()[:-1000])
    status, stderr = start("serve", "--model", str(tmp_path / "half.gguf"), "--port", "0", "--engine", engine).result()
    assert status == 1
    choices, *repacking, complaint = stderr.splitlines()
    assert "gpu_layers" in choices
    assert all("stays as it is packed" in line for line in repacking)  # where this processor would gain by it
    assert "cannot load" in complaint
    assert "half.gguf" in complaint


def test_more_than_fits_is_one_line_and_status_1(start: Start, tmp_path: Path) -> None:
    enormous = {"general.architecture": "llama", "llama.block_count": 1, "llama.embedding_length": 1 << 20}
    tensors = {"token_embd.weight": 64, "blk.0.q.weight": 64}
    model = write_gguf(tmp_path / "m.gguf", enormous | {"llama.attention.head_count": 1 << 10}, tensors)
    status, stderr = start("serve", "--model", str(model), "--port", "0", "--slots", "200").result()
    assert status == 1
    assert "200 slots of 4096 tokens need" in one_line(stderr)


def test_a_bad_config_names_key_and_file_with_status_2(start: Start, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("slots = 0")
    status, stderr = start("serve", "--config", str(tmp_path / "agent.toml")).result()
    assert status == 2
    assert "agent.toml: slots" in one_line(stderr)


def test_an_unknown_model_cannot_be_fetched(start: Start) -> None:
    status, stderr = start("fetch", "enormous").result()
    assert status == 1
    assert "known: embedded" in one_line(stderr)


@pytest.mark.model
@pytest.mark.parametrize("engine", ["llama", "prebuilt"])
def test_the_embedded_model_answers_over_http(start: Start, embedded_model: Path, engine: str) -> None:
    model = ("--model", str(embedded_model), "--engine", engine, "--threads", "1")
    child = start("serve", *model, "--port", "0", "--no-self-test")
    body = {"model": embedded_model.stem, "messages": [{"role": "user", "content": "What is 1+1?"}], "max_tokens": 8}
    reply = httpx2.post(f"{child.url()}/v1/chat/completions", json=body, timeout=60).json()
    assert reply["choices"][0]["message"]["content"].strip()
    status, stderr = child.end()
    assert status == 0
    said = [line for line in stderr.splitlines() if "was repacked as" not in line]  # once on each machine
    assert "gpu_layers 0 (" in one_line("\n".join(said))
