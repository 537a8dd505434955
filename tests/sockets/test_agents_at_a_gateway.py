"""Real agent programs at the real gateway: they register, write, leave in order, and die without harm."""

from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from edge_agent.models.download import fetch
from edge_agent.models.manifest import lookup
from picegate.testbed.calls import Call
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.script import Answer, Reply
from tests.sockets.agents import FLEET, agent
from tests.sockets.pipeline.asking import Heard, body, eventually, hear

FAKE = ("--engine", "fake", "--slots", "4")


async def listed(c: Cluster) -> list[dict[str, Any]]:
    """What `picegate nodes` is told."""
    async with httpx2.AsyncClient() as http:
        reply = await http.get(f"{c.root}/admin/v1/nodes")
    return list(reply.json()["data"])


async def nodes(c: Cluster) -> dict[str, str]:
    """State by name."""
    return {node["name"]: node["state"] for node in await listed(c)}


async def until_nodes(c: Cluster, **wanted: str) -> None:
    with anyio.fail_after(60):
        while await nodes(c) != wanted:  # noqa: ASYNC110 (its answer lies behind HTTP)
            await anyio.sleep(0.05)


async def test_an_agent_registers_writes_and_leaves_in_order() -> None:
    async with cluster(edges=[], fleet=FLEET) as c, agent(c.root, "box", *FAKE) as box:
        await until_nodes(c, box="ready")
        heard = await hear(c.client())
        assert heard.pice["nodes"] == ["box"]
        assert heard.pice["edge_tokens"]["completion"] > 0
        box.terminate()
        with anyio.fail_after(20):
            assert await box.wait() == 0
        await until_nodes(c)


async def test_an_agent_tells_how_sure_it_was_and_the_record_shows_it() -> None:
    roomy = ScriptedCloud(lambda _: Reply("Opening.\n>>400 A point with room for all that the agent writes\nClosing."))
    async with cluster(roomy, [], fleet=FLEET, quality={"repair": True}) as c, agent(c.root, "box", *FAKE):
        await until_nodes(c, box="ready")
        [scored] = [leg["quality"] for leg in (await hear(c.client())).pice["legs"] if "quality" in leg]
    assert scored["mean_logprob"] == -0.5


async def test_an_agent_of_two_models_tells_the_gateway_of_both() -> None:
    two = (*FAKE, "--model-name", "main", "--also", "b.gguf=other")
    async with cluster(edges=[], fleet=FLEET) as c, agent(c.root, "box", *two):
        await until_nodes(c, box="ready")
        async with httpx2.AsyncClient() as http:
            [node] = (await http.get(f"{c.root}/admin/v1/nodes")).json()["data"]
    assert [(model["name"], model["slots"]) for model in node["models"]] == [("main", 4), ("other", 4)]


async def test_an_agent_measures_itself_and_the_gateway_knows_its_curve() -> None:
    async with cluster(edges=[], fleet=FLEET) as c, agent(c.root, "box", *FAKE, "--self-test"):
        await until_nodes(c, box="ready")
        with anyio.fail_after(60):
            while len(((await listed(c))[0]["curve"] or {"decode": ()})["decode"]) < 3:  # noqa: ASYNC110 (as above)
                await anyio.sleep(0.05)
        curve = (await listed(c))[0]["curve"]
    assert curve["prefill"]["source"] == "self_test"
    assert [(rate["sequences"], rate["source"]) for rate in curve["decode"]] == [(n, "self_test") for n in (1, 2, 4)]


async def test_a_killed_agents_lease_runs_out() -> None:
    async with cluster(edges=[], fleet=FLEET) as c, agent(c.root, "box", *FAKE) as box:
        await until_nodes(c, box="ready")
        box.kill()
        await until_nodes(c, box="lost")
        assert (await hear(c.client())).headers["x-pice-mode"] == "cloud"


async def test_killing_an_agent_in_the_middle_of_a_passage_costs_the_reader_nothing() -> None:
    def cloud(call: Call) -> Answer:
        if call.leg == "sketch":
            return Reply("Opening.\n>>120 A fact about sleep\nClosing.")
        return Reply("and the cloud wrote the rest of it.")

    slow = {"EDGE_AGENT_FAKE_TOKEN_S": "0.05"}
    async with cluster(ScriptedCloud(cloud), edges=[], fleet=FLEET) as c, agent(c.root, "box", *FAKE, **slow) as box:
        await until_nodes(c, box="ready")
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: len(heard.text) > len("Opening.\n\n") + 20)
            box.kill()
        opening, passage, closing = heard.text.split("\n\n")
        assert (opening, closing) == ("Opening.", "Closing.")
        assert passage.endswith("and the cloud wrote the rest of it.")
        seen = c.cloud.legs("hedge")[0].prompt
        assert passage.removesuffix("and the cloud wrote the rest of it.").strip() in seen


async def test_an_agent_with_a_wrong_token_says_so_and_ends() -> None:
    fleet = {**FLEET, "enrolment_token": "another"}
    async with cluster(edges=[], fleet=fleet) as c, agent(c.root, "box", *FAKE) as box:
        with anyio.fail_after(20):
            assert await box.wait() == 3
        assert await nodes(c) == {}


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    return fetch(lookup("embedded"))


@pytest.mark.model
@pytest.mark.parametrize("engine", ["prebuilt", "llama"])
async def test_a_real_model_writes_the_passages(engine: str, embedded_model: Path) -> None:
    options = ("--engine", engine, "--model", str(embedded_model), "--threads", "1", "--ctx", "2048", "--no-self-test")
    cloud = ScriptedCloud().on("sketch", Reply("Sleep well.\n>>15 Go to bed at the same hour every day\nGood night."))
    fleet = {**FLEET, "first_token_s": 60.0, "between_tokens_s": 60.0}
    async with cluster(cloud, edges=[], fleet=fleet) as c, agent(c.root, "box", *options):
        await until_nodes(c, box="ready")
        with anyio.fail_after(120):
            heard = await hear(c.client(timeout=120), **body(question="How can I sleep better?", temperature=0, seed=1))
        opening, *passage, closing = heard.text.split("\n\n")
        assert (opening, closing) == ("Sleep well.", "Good night.")
        assert passage
        assert heard.pice["nodes"] == ["box"]
        expand = next(leg for leg in heard.pice["legs"] if leg["leg"] == "expand")
        assert expand["prompt_tokens"] > 50
        assert expand["completion_tokens"] > 3
