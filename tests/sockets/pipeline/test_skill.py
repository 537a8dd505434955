"""A fleet of two models, one of which writes badly: it is found out, and the next questions go to the other."""

from typing import Any

import httpx2

from picegate.testbed.calls import Call
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Reply
from tests.sockets.pipeline.asking import Heard, hear
from tests.sockets.pipeline.stress import SKETCH, SLEEP, WALK, WORSE

# Much is at stake for quality-first requests, so that a machine with hiccups changes nothing.
SETTINGS: dict[str, Any] = {
    "quality": {"repair": True, "cloud": []},
    "progressive": {"warm": False},
    "planner": {"service_level": "quality", "hedging": False},
}
TIMES = 12  # questions until a model is found out


def well(call: Call) -> Answer:
    return Reply(WALK if "Notes: Walking" in call.last else SLEEP)


def badly(_: Call) -> Answer:
    return Reply(WORSE)


def fleet(second: Any = badly, slots: int = 4) -> list[ScriptedEdge]:
    return [
        ScriptedEdge("one", well, model="good", slots=slots),
        ScriptedEdge("two", second, model="bad", slots=slots),
    ]


def sketched() -> ScriptedCloud:
    return ScriptedCloud(lambda call: Reply(SKETCH))


def first_writers(heard: Heard) -> set[str]:
    return {leg["node"] for leg in heard.pice["legs"] if leg["leg"] == "expand"}


async def nodes(c: Cluster) -> dict[str, Any]:
    async with httpx2.AsyncClient() as http:
        found: dict[str, Any] = (await http.get(f"{c.root}/admin/v1/nodes")).json()
        return found


async def test_a_model_whose_passages_are_weak_is_soon_asked_no_more() -> None:
    async with cluster(sketched(), fleet(), **SETTINGS) as c:
        asked = [first_writers(await hear(c.client())) for _ in range(TIMES)]
        assert "two" in asked[0] | asked[1]  # nobody knew it
        assert asked[-3:] == [{"one"}] * 3
        after = await hear(c.client())
        assert after.text == f"Opening.\n\n{WALK}\n\n{SLEEP}\n\nClosing."

        found = await nodes(c)
        good, bad = (node["skill"] for node in found["data"])
        assert (good["sound"], good["loses"]) == (1.0, False)
        assert bad["sound"] == 0.0
        assert found["models"]["bad"]["kinds"]["explain"]["passages"] == bad["passages"] > 0
        async with httpx2.AsyncClient() as http:
            scraped = (await http.get(f"{c.root}/metrics")).text
        assert 'picegate_model_sound_ratio{model="bad"} 0.0' in scraped
        assert 'picegate_model_sound_ratio{model="good"} 1.0' in scraped


async def test_the_plan_says_who_is_trusted_less() -> None:
    async with cluster(sketched(), fleet(slots=1), **SETTINGS) as c:  # each writes one of the two passages
        for _ in range(TIMES):
            await hear(c.client())
        said = await c.client().chat.completions.create(
            model="pice-progressive",
            messages=[{"role": "user", "content": "What helps against stress, and why does it help?"}],
            extra_body={"pice": {"explain": True}},
        )
        numbers = (said.model_extra or {})["pice"]["plan"]["numbers"]
        assert numbers["kind"] == "explain"
        assert numbers["less_trusted"].startswith("bad by 0.")


async def test_two_good_models_are_both_asked() -> None:
    async with cluster(sketched(), fleet(well), **SETTINGS) as c:
        asked = [first_writers(await hear(c.client())) for _ in range(TIMES)]
        found = await nodes(c)
        assert {"one", "two"} <= set().union(*asked)
        assert [node["skill"]["loses"] for node in found["data"]] == [False, False]


async def test_where_nothing_is_scored_nothing_is_learnt() -> None:
    off = {**SETTINGS, "quality": {"repair": False}}
    async with cluster(sketched(), fleet(), **off) as c:
        for _ in range(3):
            await hear(c.client())
        found = await nodes(c)
        assert found["models"] == {}
        assert [node["skill"] for node in found["data"]] == [None, None]
