"""Many requests over upstreams that fail at random: every answer is whole or says that it is not, and nothing leaks."""

import random

import anyio
import httpx2
import pytest
from openai import APIError

from picegate.testbed.calls import Call
from picegate.testbed.cloud import CLOSING, OPENING, POINTS, SKETCH, ScriptedCloud
from picegate.testbed.cluster import cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Drop, Ends, Refusal, Reply, in_words
from tests.sockets.pipeline.asking import Heard, eventually, hear

REQUESTS = 40


def edge_script(name: str, dice: random.Random) -> ScriptedEdge:
    def answer(call: Call) -> Answer:
        point = next(
            (point for point in POINTS if point in call.last or point in call.prompt.rpartition("Notes:")[2]), ""
        )
        good = in_words(f"{point}, says [{name}], and more of it.")
        return dice.choice(
            [
                Reply(*good),
                Reply(*good),
                Reply(*good),
                Reply(*good[:2], ends=Ends.CUT),
                Reply(*good[:1], ends=Ends.ERROR),
                Reply(*good[:2], ends=Ends.HANG),
                Reply(),
                Refusal(500),
                Drop(),
            ]
        )

    return ScriptedEdge(name, answer, slots=4)


def cloud_script(dice: random.Random) -> ScriptedCloud:
    def answer(call: Call) -> Answer:
        if call.leg == "sketch":
            words = in_words(SKETCH)
            return Reply(*words[:6], ends=Ends.CUT) if call.number % 4 == 3 else Reply(*words)
        return dice.choice([Reply("The cloud wrote the rest of this one."), Refusal(500), Drop()])

    return ScriptedCloud(answer)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_fails_an_answer_is_whole_or_an_error_and_nothing_stays_open(seed: int) -> None:
    dice = random.Random(seed)
    edges = [edge_script(f"edge-{number}", dice) for number in range(3)]
    limits = {"first_token_s": 0.5, "between_tokens_s": 0.5, "open_s": 0.2}
    overrides = {"fleet": limits, "cloud": {"retries": 0}, "progressive": {"slot_wait_s": 5.0}}
    async with cluster(cloud_script(dice), edges, **overrides) as c:
        client = c.client(timeout=30)
        whole = broken = left = 0

        async def one(number: int) -> None:
            nonlocal whole, broken, left
            heard = Heard()
            try:
                with anyio.move_on_after(0.05 if number % 5 == 0 else 30) as patience:
                    await hear(client, heard)
                if patience.cancelled_caught:
                    assert number % 5 == 0, "an answer hung"
                    left += 1
                    return
            except APIError:
                broken += 1
            else:
                whole += 1
                if heard.headers["x-pice-mode"] == "progressive":
                    places = [heard.text.find(part) for part in (OPENING, CLOSING)]
                    assert -1 not in places, heard.text
                    assert places == sorted(places), heard.text
                    assert all(heard.text.count(point) <= 1 for point in POINTS), heard.text
            assert ">>" not in heard.text

        async with anyio.create_task_group() as group:
            for number in range(REQUESTS):
                group.start_soon(one, number)
        assert whole
        assert broken
        assert whole + broken + left == REQUESTS
        await eventually(lambda: not c.open_legs)
        async with httpx2.AsyncClient() as http:
            nodes = (await http.get(f"{c.root}/admin/v1/nodes")).json()["data"]
            text = (await http.get(f"{c.root}/metrics")).text
        assert "picegate_open_requests 0.0" in text
        assert all(
            node["free"] in (node["slots"], 0, 1) for node in nodes
        )  # 0 and 1: its breaker is open, or half open
