"""`picegate serve`, and the commands that ask a running gateway, against the shipped fakes."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import httpx2
import pytest

from picegate.database import open_database
from picegate.pipeline.memory import Memory
from picegate.planning.kinds import Kind, Topic
from picegate.planning.skill import Skill
from picegate.testbed.cloud import PLAIN, ScriptedCloud
from picegate.testbed.edge import ScriptedEdge
from tests.cli.conftest import Config
from tests.cli.running import DEADLINE_S, Ran, Served, run, served

OPEN = "require_key = false"


async def beside(command: Callable[..., Ran], *arguments: str, **settings: str) -> Ran:
    """Run a command while the fakes go on serving on this event loop."""
    return await anyio.to_thread.run_sync(lambda: command(*arguments, **settings))


def test_it_says_where_it_listens_and_ends_in_order(config: Config) -> None:
    with served(config(access=OPEN)) as gateway:
        assert httpx2.get(f"{gateway.url}/health/live").status_code == 200
        assert gateway.stop() == 0
        assert "Traceback" not in gateway.log.read_text()


def test_an_interrupt_from_the_keyboard_is_an_orderly_end_too(config: Config) -> None:
    with served(config(access=OPEN)) as gateway:
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(DEADLINE_S) == 0
        assert "Traceback" not in gateway.log.read_text()


def test_a_port_in_use_is_one_clear_line(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", "--config", config(access=OPEN), "--port", str(port))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"picegate: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_without_any_key_it_says_how_to_make_one(config: Config) -> None:
    file = config()
    with served(file) as gateway:
        assert "picegate keys create NAME" in gateway.log.read_text()
    run("keys", "create", "someone", "--config", file)
    with served(file) as gateway:
        assert "keys create" not in gateway.log.read_text()


def test_a_key_made_while_it_runs_opens_the_door_and_a_revoked_one_does_not(config: Config) -> None:
    file = config()

    def status(secret: str) -> int:
        return httpx2.get(f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code

    with served(file) as gateway:
        secret = run("keys", "create", "someone", "--config", file).out.strip()
        unused = run("keys", "create", "someone else", "--config", file).out.strip()
        assert status(secret) == 200
        assert status("sk-pice-wrong") == 401
        listed = run("keys", "list", "--config", file).out
        key_id = next(line.split()[0] for line in listed.splitlines() if "someone else" in line)
        run("keys", "revoke", key_id, "--config", file)
        assert status(unused) == 401


def test_only_an_admin_key_lists_the_nodes(config: Config) -> None:
    file = config('[[nodes]]\nname = "nano"\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\nslots = 4')
    with served(file) as gateway:
        plain = run("keys", "create", "plain", "--config", file).out.strip()
        admin = run("keys", "create", "boss", "--admin", "--config", file).out.strip()
        refused = run("nodes", "--url", gateway.url, "--key", plain)
        assert (refused.status, refused.out) == (1, "")
        assert "answered 403: This needs an admin key." in refused.err
        listed = run("nodes", "--url", gateway.url, PICEGATE_ADMIN_KEY=admin)
        assert listed.status == 0
        assert "nano" in listed.out
        assert "4/4" in listed.out
        [node] = json.loads(run("nodes", "--url", gateway.url, "--key", admin, "--json").out)
        assert (node["name"], node["slots"], node["kind"]) == ("nano", 4, "static")


def test_the_nodes_are_listed_with_all_their_models(config: Config) -> None:
    cards = [{"name": name, "slots": 2, "context_tokens": 512} for name in ("small", "other")]
    agent = {"name": "orin", "url": "http://127.0.0.1:9/v1", "model": "small", "slots": 2, "context_tokens": 512}
    with served(config('[fleet]\nenrolment_token = "enrol"', access=OPEN)) as gateway:
        told = {"json": {**agent, "models": cards}, "headers": {"authorization": "Bearer enrol"}}
        httpx2.post(f"{gateway.url}/nodes/v1/register", **told).raise_for_status()
        assert "small, other" in run("nodes", "--url", gateway.url).out
        [node] = json.loads(run("nodes", "--url", gateway.url, "--json").out)
    assert (node["model"], node["models"]) == ("small", cards)


def test_what_an_agent_has_measured_of_itself_is_listed(config: Config) -> None:
    card = {"name": "orin", "url": "http://127.0.0.1:9/v1", "model": "m", "slots": 2, "context_tokens": 4096}
    speed = {"prefill": {"tokens_per_s": 260}, "decode": [{"sequences": n, "tokens_per_s": 20 * n} for n in (1, 2)]}
    with served(config(access=OPEN), PICEGATE_FLEET__ENROLMENT_TOKEN="enrol") as gateway:
        token = {"authorization": "Bearer enrol"}
        httpx2.post(f"{gateway.url}/nodes/v1/register", json={**card, "speed": speed}, headers=token).raise_for_status()
        listed = run("nodes", "--url", gateway.url).out
    assert "260 tok/s" in listed
    assert "1: 20, 2: 40" in listed


def test_a_model_that_keeps_losing_is_listed_as_such(config: Config, tmp_path: Path) -> None:
    skill = Skill()
    for model, sound in (("steady", 36), ("hasty", 4)):
        for number in range(40):
            skill.judge(0.0, model, Kind(Topic.LIST), sound=number < sound)
    skill.contest(0.0, "steady", "hasty", Kind(Topic.LIST), 1.0)
    database = open_database(f"sqlite:///{tmp_path / 'picegate.db'}")
    Memory(database).write({"skill": skill.as_data()})
    database.dispose()
    nodes = "".join(
        f'[[nodes]]\nname = "{model}-box"\nurl = "http://127.0.0.1:1/v1"\nmodel = "{model}"\n'
        for model in ("steady", "hasty")
    )
    with served(config(nodes, access=OPEN)) as gateway:
        listed = [line.strip() for line in run("nodes", "--url", gateway.url).out.splitlines()]
        told = json.loads(run("nodes", "--url", gateway.url, "--json").out)
    (bad_box,) = (line for line in listed if line.startswith("hasty-box"))
    assert "hasty keeps losing" in bad_box
    assert [line.split() for line in listed if line.startswith(("steady ", "hasty "))] == [
        ["steady", "40", "90%", "1", "100%"],
        ["hasty", "40", "10%", "1", "0%", "keeps", "losing"],
    ]
    assert [(node["skill"]["loses"], node["skill"]["loses_at"]) for node in told] == [(False, []), (True, ["list"])]


@pytest.fixture
def question() -> str:
    return "How can I keep stress low? Explain it in detail."


async def test_an_answer_streams_to_the_terminal_and_into_the_ledger(config: Config, question: str) -> None:
    async with ScriptedCloud() as cloud, ScriptedEdge("nano") as edge:
        node = f'[[nodes]]\nname = "nano"\nurl = "{edge.url}"\nmodel = "edge-model"\nslots = 4'
        file = config(node, cloud=cloud.url, access=OPEN)
        server = served(file)
        gateway: Served = await anyio.to_thread.run_sync(server.__enter__)
        try:
            answer = await beside(run, "ask", question, "--model", "pice-progressive", "--url", gateway.url)
            assert answer.status == 0, answer.err
            assert "says [nano]" in answer.out
            assert ">>" not in answer.out
            assert "on nano" in answer.err
            direct = await beside(run, "ask", question, "--model", "pice-cloud", "--url", f"{gateway.url}/v1")
            assert direct.out.strip() == PLAIN
            planned = await beside(run, "explain", question, "--url", gateway.url, "--json")
            assert json.loads(planned.out)["mode"] in ("cloud", "progressive", "edge")
            unknown = await beside(run, "ask", question, "--model", "gpt-99", "--url", gateway.url)
            assert (unknown.status, unknown.out) == (1, "")
            assert "gpt-99" in unknown.err
            assert await anyio.to_thread.run_sync(gateway.stop) == 0
        finally:
            await anyio.to_thread.run_sync(lambda: server.__exit__(None, None, None))

    shown = run("usage", "--config", file, "--since", "1h")
    assert shown.status == 0
    groups = {line.split()[0]: line.split()[1] for line in shown.out.splitlines()[1:]}
    assert groups == {"cloud": "1", "progressive": "1"}
    assert "nano" in run("usage", "--config", file, "--by", "node").out
    days = json.loads(run("usage", "--config", file, "--by", "day", "--json").out)
    assert [day["requests"] for day in days] == [2]
    assert question not in gateway.log.read_text()
