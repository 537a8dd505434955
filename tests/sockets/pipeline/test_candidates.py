"""For which passages there are several candidates, and how many: only on slots that nobody else needs."""

from typing import Any

import anyio
import pytest

from picegate.testbed.calls import Call
from picegate.testbed.cluster import cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Ends, Reply
from tests.sockets.pipeline.asking import Heard, body, eventually, hear
from tests.sockets.pipeline.duel import ON, READ, Site, all_free, answered, answered_when, kept, passages
from tests.sockets.pipeline.stress import SKETCH, SLEEP, WRONG, legs_of


@pytest.mark.parametrize(
    ("quality", "fields"),
    [
        ({"ensemble": "never"}, {}),
        ({"candidates": 1}, {}),
        ({}, {"extra_body": {"pice": {"ensemble": 1}}}),
        ({"ensemble": "always"}, {"extra_body": {"pice": {"ensemble": 1}}}),
        ({"ensemble": "never"}, {"extra_body": {"pice": {"ensemble": 3}}}),
    ],
)
async def test_off_is_off(quality: dict[str, Any], fields: dict[str, Any]) -> None:
    site = Site(Reply(WRONG), Reply(SLEEP))
    async with cluster(site.cloud, site.edges, **{**ON, "quality": {**ON["quality"], **quality}}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                await hear(c.client(), heard, **fields)

            group.start_soon(ask)
            await eventually(lambda: any(call.ended for call in site.calls("expand")))
            site.walked.set()
        assert heard.text == READ.format(WRONG)
        assert not site.calls("verify")
        found = await passages(c, heard)
        assert [(passage["candidates"], passage["why"]) for passage in found] == [(1, "off")] * 2


async def test_more_candidates_than_the_operator_allows_are_not_written_and_a_note_says_so() -> None:
    site = Site(Reply(WRONG), Reply(SLEEP))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, extra_body={"pice": {"ensemble": 5}})
        assert (await passages(c, heard))[1]["candidates"] == 2
        said = await c.client().chat.completions.create(**body(), extra_body={"pice": {"ensemble": 5, "explain": True}})
        notes = (said.model_extra or {})["pice"]["plan"]["notes"]
        assert any("pice.ensemble is 5" in note and "at most 2" in note for note in notes)


async def test_as_many_as_are_allowed_and_of_use_are_written() -> None:
    site = Site(Reply(WRONG), Reply(SLEEP))
    three = ScriptedEdge("three", site._writes, model="o")
    site.edges.append(three)
    async with cluster(site.cloud, site.edges, **{**ON, "quality": {**ON["quality"], "candidates": 4}}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: len(site.calls("verify")) > 1 and all(e.ended for e in site.calls("verify")))
            site.walked.set()
        legs = legs_of(heard, 1)
        assert (await passages(c, heard))[1]["candidates"] == len(legs) > 2
        assert len({leg["node"] for leg in legs}) == 3  # other models come first
        assert kept(heard).count(True) == 1


async def test_passages_that_are_read_at_once_or_go_on_from_others_have_one_candidate() -> None:
    sketch = SKETCH.replace("Closing.", ">>24+ Both: a quiet walk of 20 minutes before bed\nClosing.")
    both = "Go for a quiet walk of 20 minutes before bed: both habits belong together and help one another at night."
    site = Site(Reply(WRONG), Reply(SLEEP), sketch=sketch)
    of_sleep = site._writes

    def writes(call: Call) -> Answer:
        return Reply(both) if "Both:" in call.last else of_sleep(call)

    for edge in site.edges:
        edge._script = writes
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered_when(c, site, lambda: any(call.ended for call in site.calls("expand")))
        assert heard.text.endswith(f"{both}\n\nClosing.")
        walk, sleep, last = await passages(c, heard)
        assert (walk["candidates"], walk["why"]) == (1, "read as it is written")
        assert sleep["candidates"] in (1, 2)
        assert (last["candidates"], last["why"]) == (1, "goes on from the text before it")
        wrote = next(call for edge in site.edges for call in edge.calls if "Both:" in call.last)
        text = WRONG if WRONG in heard.text else SLEEP
        assert text in wrote.prompt  # what was chosen, and nothing else
        assert (SLEEP if text is WRONG else WRONG) not in wrote.prompt
        await all_free(c)


async def test_a_busy_fleet_writes_one_candidate() -> None:
    site = Site(Reply(WRONG), Reply(SLEEP), slots=1)
    async with cluster(site.cloud, site.edges, **ON) as c:
        site.walked.set()
        heard = await hear(c.client())
        assert heard.text == READ.format(WRONG)
        assert not site.calls("verify")
        assert (await passages(c, heard))[1]["why"].startswith(("busy", "read"))


async def test_a_spare_slot_is_given_up_for_the_next_request() -> None:
    site = Site(Reply(SLEEP), Reply("Sleep for 7 to", ends=Ends.HANG), slots=2)
    async with cluster(site.cloud, site.edges, **ON) as c:
        first, second = Heard(), Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), first)
            await eventually(lambda: any(call.sent for call in site.calls("verify")))
            group.start_soon(hear, c.client(), second)
            await eventually(lambda: len(site.cloud.legs("sketch")) == 2)
            site.walked.set()
        for heard in (first, second):
            assert heard.text == READ.format(SLEEP)
        await all_free(c)
