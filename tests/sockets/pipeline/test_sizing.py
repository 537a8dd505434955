"""Long points in several legs, short ones in one: every fact stays, in its order, whoever fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from picegate.testbed.calls import Call
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.cluster import Cluster, cluster
from picegate.testbed.edge import ScriptedEdge
from picegate.testbed.script import Answer, Drop, Ends, Piece, Refusal, Reply, Script, in_words
from tests.sockets.pipeline.asking import Heard, caught_up, eventually, hear

CLAUSES = ("seven to nine hours a night", "a fixed wake time", "no screens in bed", "a cool and dark room")
LONG = f"Opening.\n>>140 Sleep: {'; '.join(CLAUSES)}\n>>40 Walk for 30 minutes\nClosing."
SHORT = ("Walk for 30 minutes a day", "Talk to 2 friends a week", "Drink 8 glasses of water")
HELD = "Sleep for 7 hours"


def in_order(text: str, *facts: str) -> bool:
    """Each fact once; where a sentence begins with it, it has a capital letter."""
    text, facts = text.casefold(), tuple(fact.casefold() for fact in facts)
    places = [text.find(fact) for fact in facts]
    return -1 not in places and places == sorted(places) and all(text.count(fact) == 1 for fact in facts)


def sketches(sketch: str, else_: Answer) -> ScriptedCloud:
    return ScriptedCloud(lambda call: Reply(*in_words(sketch)) if call.leg == "sketch" else else_)


def expanding(c: Cluster) -> list[Call]:
    return [call for edge in c.edges for call in edge.legs("expand")]


async def test_a_long_point_is_written_in_parts_that_are_read_in_order() -> None:
    async with cluster(sketches(LONG, Refusal(500)), progressive={"warm": False}) as c:
        heard = await hear(c.client())
        assert in_order(heard.text, "Opening.", *CLAUSES, "Walk for 30 minutes", "Closing.")
        parts = [call for call in expanding(c) if "Notes: Sleep: " in call.last]
        assert len(parts) > 1
        assert sum("without an introduction" in call.last for call in parts) == len(parts) - 1
        assert sum(int(call.last.rpartition("about ")[2].split()[0]) for call in parts) == 140
        assert {leg["point"] for leg in heard.pice["legs"] if leg["leg"] == "expand"} == {0, 1}


@pytest.mark.parametrize("planner", [{"resizing": False}, {"pipelining": False}])
async def test_a_point_stays_whole_where_the_operator_says_so(planner: dict[str, Any]) -> None:
    async with cluster(sketches(LONG, Refusal(500)), planner=planner) as c:
        heard = await hear(c.client())
        assert in_order(heard.text, *CLAUSES)
        assert len(expanding(c)) == 2


@pytest.mark.parametrize("line", [">>140+ Sleep", "- >>140 Sleep"], ids=["dependent", "item of a list"])
async def test_what_belongs_together_is_not_cut(line: str) -> None:
    sketch = f"Opening.\n{line}: {'; '.join(CLAUSES)}\nClosing."
    async with cluster(sketches(sketch, Refusal(500))) as c:
        assert in_order((await hear(c.client())).text, *CLAUSES)
        assert len(expanding(c)) == 1


@pytest.mark.parametrize("fault", [Drop(), Reply(), Reply("Sleep for", ends=Ends.CUT)], ids=["dropped", "empty", "cut"])
async def test_a_part_that_nobody_can_write_leaves_its_facts(fault: Answer) -> None:
    def bad(call: Call) -> Answer:
        return fault if "without an introduction" in call.last or call.leg == "hedge" else Reply(*notes_of(call))

    edges = [ScriptedEdge("a", bad), ScriptedEdge("b", bad)]
    async with cluster(sketches(LONG, Refusal(500)), edges, cloud={"retries": 0}, progressive={"warm": False}) as c:
        heard = await hear(c.client())
        assert in_order(heard.text, "Opening.", *CLAUSES, "Walk for 30 minutes", "Closing.")


def notes_of(call: Call) -> tuple[str, ...]:
    notes = next(line for line in call.last.splitlines() if line.startswith("Notes: ")).removeprefix("Notes: ")
    return in_words(f"{notes}, says an edge.")


@asynccontextmanager
async def waiting(
    lines: str, cloud: Answer, script: Script | None = None, *, slots: int = 1, leaves: bool = False, **overrides: Any
) -> AsyncIterator[tuple[Cluster, anyio.Event, Heard]]:
    """One node whose only slot writes a first point until the event is set; meanwhile `lines` have closed.

    `leaves`: the client does so then.
    """
    begun, release = anyio.Event(), anyio.Event()

    def sketch(call: Call) -> Answer:
        if call.leg != "sketch":
            return cloud
        return Reply(f"Opening.\n>>40 {HELD}\n", Piece(f"{lines}\nClosing.\n", after=begun))

    def write(call: Call) -> Answer:
        if f"Notes: {HELD}" in call.last:
            begun.set()
            return Reply(f"{HELD}, ", Piece("says the edge.", after=release))
        return script(call) if script is not None else Reply(*notes_of(call))

    edge = ScriptedEdge("only", write, slots=slots)
    settings = {"progressive": {"warm": False}, "cloud": {"retries": 0}} | overrides
    async with cluster(ScriptedCloud(sketch), [edge], **settings) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await begun.wait()
            await eventually(lambda: bool(c.cloud.calls) and c.cloud.calls[0].ended is not None)
            await caught_up(c)
            if leaves:
                group.cancel_scope.cancel()
            else:
                yield c, release, heard
        if leaves:
            yield c, release, heard


async def passages(c: Cluster, writer: str) -> float:
    async with httpx2.AsyncClient() as http:
        text = (await http.get(f"{c.root}/metrics")).text
    mark = f'picegate_passages_total{{writer="{writer}"}} '
    return float(next((line for line in text.splitlines() if line.startswith(mark)), f"{mark}0").removeprefix(mark))


def points(*notes: str, sign: str = ">>20") -> str:
    return "\n".join(f"{sign} {note}" for note in notes)


async def test_short_points_that_wait_for_a_slot_are_written_in_one_leg() -> None:
    async with waiting(points(*SHORT), Refusal(500)) as (c, release, heard):
        release.set()
    assert in_order(heard.text, "Opening.", HELD, *SHORT, "Closing.")
    _, together = c.edges[0].legs("expand")
    assert all(fact in together.last for fact in SHORT)
    assert "about 60 words" in together.last
    assert "\n\n\n" not in heard.text


async def test_each_point_of_a_shared_leg_counts_as_a_passage() -> None:
    async with waiting(points(*SHORT), Refusal(500)) as (c, release, heard):
        release.set()
        await eventually(lambda: heard.finish_reason is not None)
        assert await passages(c, "edge") == 1 + len(SHORT)


@pytest.mark.parametrize(
    "lines",
    [
        points(*SHORT, sign="- >>20"),
        points(*SHORT, sign=">>70"),
        "\n\nIn between.\n\n".join([points(one) for one in SHORT]),
    ],
    ids=["items of a list", "not short", "text between them"],
)
async def test_what_must_stay_apart_is_written_apart(lines: str) -> None:
    async with waiting(lines, Refusal(500)) as (c, release, heard):
        release.set()
    assert in_order(heard.text, HELD, *SHORT)
    assert len(c.edges[0].legs("expand")) == 1 + len(SHORT)


async def test_a_point_that_depends_on_a_shared_leg_sees_it_whole() -> None:
    lines = points(*SHORT[:2]) + f"\n>>20+ {SHORT[2]}"
    async with waiting(lines, Refusal(500)) as (c, release, heard):
        release.set()
    assert in_order(heard.text, HELD, *SHORT)
    *_, last = c.edges[0].legs("expand")
    assert all(fact in last.last for fact in SHORT)
    assert "The answer so far" in last.last


async def test_while_slots_are_free_each_point_has_its_own() -> None:
    async with waiting(points(*SHORT), Refusal(500), slots=8) as (c, release, heard):
        release.set()
    assert in_order(heard.text, HELD, *SHORT)
    assert len(c.edges[0].legs("expand")) == 1 + len(SHORT)


async def test_a_shared_leg_that_breaks_is_gone_on_with_by_the_cloud_from_the_notes_of_all() -> None:
    begun = "Walk for 30 minutes a day and"
    rest = Reply(" talk to 2 friends a week; drink 8 glasses of water.")
    script = lambda call: Reply(begun, ends=Ends.CUT)  # noqa: E731
    async with waiting(points(*SHORT), rest, script, progressive={"warm": False, "attempts": 1}) as (c, release, heard):
        release.set()
    (rescue,) = c.cloud.legs("hedge")
    assert all(fact in rescue.prompt for fact in SHORT)
    assert in_order(heard.text, "Walk for 30 minutes", "talk to 2 friends", "drink 8 glasses", "Closing.")


async def test_a_shared_leg_that_nobody_can_write_leaves_the_notes_of_all() -> None:
    async with waiting(points(*SHORT), Refusal(500), lambda _: Drop()) as (c, release, heard):
        release.set()
        await eventually(lambda: heard.finish_reason is not None)
        assert await passages(c, "notes") == len(SHORT)
    assert in_order(heard.text, HELD, *SHORT, "Closing.")


async def test_points_that_get_no_slot_in_time_are_the_clouds_together() -> None:
    rescue = Reply(f"{'. '.join(SHORT)}.")
    async with waiting(points(*SHORT), rescue, progressive={"warm": False, "slot_wait_s": 0.4}) as (c, release, heard):
        await eventually(lambda: any(call.ended is not None for call in c.cloud.legs("hedge")))
        release.set()
    assert in_order(heard.text, HELD, *SHORT, "Closing.")
    assert len(c.cloud.legs("hedge")) == 1
    assert len(c.edges[0].calls) == 1


async def test_a_client_that_leaves_takes_waiting_points_along() -> None:
    async with waiting(points(*SHORT), Refusal(500), leaves=True) as (c, _, heard):
        await eventually(lambda: not c.open_legs)
        assert heard.finish_reason is None
        assert len(c.edges[0].calls) == 1
        async with httpx2.AsyncClient() as http:
            (node,) = (await http.get(f"{c.root}/admin/v1/nodes")).json()["data"]
        assert node["free"] == node["slots"]
