"""Two models write one point, and the better text is read: nobody waits for it, and nothing is exchanged once read."""

import contextlib

import anyio
import pytest

from picegate.testbed.calls import Call
from picegate.testbed.cluster import cluster
from picegate.testbed.script import Answer, Drop, Ends, Piece, Refusal, Reply
from tests.sockets.pipeline.asking import Heard, caught_up, eventually, hear
from tests.sockets.pipeline.duel import ON, ONE_TRY, READ, Site, all_free, answered, answered_when, kept, passages
from tests.sockets.pipeline.stress import SLEEP, WALK, WORSE, WRONG, legs_of


async def test_the_better_of_two_is_read() -> None:
    site = Site(Reply(WRONG), Reply(SLEEP))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site)
        assert heard.text == READ.format(SLEEP)
        first, second = legs_of(heard, 1)
        assert (first["leg"], second["leg"]) == ("expand", "verify")
        assert first["node"] != second["node"]
        assert (first["kept"], second["kept"]) == (False, True)
        _, passage = await passages(c, heard)
        assert (passage["candidates"], passage["writer"]) == (2, second["node"])
        assert "more likely to be sound" in passage["why"]


@pytest.mark.parametrize(
    ("first", "second", "read"),
    [
        pytest.param(Reply(SLEEP), Reply(WRONG), SLEEP, id="the first is better"),
        pytest.param(Reply(WRONG), Reply(WORSE), WRONG, id="both are bad"),
        pytest.param(Reply(WORSE), Reply(WRONG), WRONG, id="both are bad, the first is worse"),
        pytest.param(Reply(WRONG), Reply(), WRONG, id="the second is empty"),
        pytest.param(Reply(WRONG), Refusal(500), WRONG, id="the second fails"),
        pytest.param(Reply(WRONG), Drop(), WRONG, id="the second is not there"),
        pytest.param(Reply(WRONG), Reply("Sleep for 7", ends=Ends.CUT), WRONG, id="the second breaks off"),
        pytest.param(Reply(WRONG), Reply("I am sorry, but I cannot."), WRONG, id="the second refuses"),
        pytest.param(Reply(SLEEP, ends=Ends.CUT), Reply(WRONG), WRONG, id="the first breaks off"),
    ],
)
async def test_what_is_best_is_read_whatever_the_other_one_does(first: Answer, second: Answer, read: str) -> None:
    site = Site(first, second)
    async with cluster(site.cloud, site.edges, **ONE_TRY) as c:
        heard = await answered(c, site)
        assert heard.text == READ.format(read)
        assert [leg["leg"] for leg in legs_of(heard, 1)] == ["expand", "verify"]


async def test_of_equals_the_first_stays() -> None:
    site = Site(Reply(WRONG), Reply(WRONG))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site)
        assert heard.text == READ.format(WRONG)
        assert kept(heard) == [True, False]
        assert (await passages(c, heard))[1]["writer"] == legs_of(heard, 1)[0]["node"]


async def test_the_first_is_read_as_it_is_written_where_the_second_is_not_whole_in_time() -> None:
    more = anyio.Event()
    site = Site(Reply(SLEEP[:30], Piece(SLEEP[30:], after=more)), Reply("Sleep for 7 to", ends=Ends.HANG))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await site.both(c, "sent")
            assert SLEEP[:10] not in heard.text
            site.walked.set()
            await eventually(lambda: SLEEP[:20] in heard.text)  # while it is being written
            await eventually(lambda: site.calls("verify")[0].ended is not None)
            more.set()
        assert heard.text == READ.format(SLEEP)
        assert [leg["end"] for leg in legs_of(heard, 1)] == ["done", "cancelled"]
        await all_free(c)


async def test_a_whole_second_one_is_read_where_the_first_is_not_whole_in_time() -> None:
    site = Site(Reply(WRONG[:30], ends=Ends.HANG), Reply(SLEEP))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: [call.ended is not None for call in site.calls("verify")] == [True])
            await caught_up(c)
            site.walked.set()
        assert heard.text == READ.format(SLEEP)
        assert [leg["end"] for leg in legs_of(heard, 1)] == ["cancelled", "done"]
        assert kept(heard) == [None, True]
        await all_free(c)


async def test_a_candidate_that_never_ends_keeps_nobody_waiting() -> None:
    site = Site(Reply(SLEEP), Reply("Sleep for 7 to", ends=Ends.HANG))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered_when(c, site, lambda: any(call.ended for call in site.calls("expand")))
        assert heard.text == READ.format(SLEEP)
        await all_free(c)


async def test_when_all_first_ones_are_whole_nobody_else_is_waited_for() -> None:
    """Here the last passage is short and the one before it long, so that nobody has come to read the last one yet."""
    site = Site(Reply(SLEEP), Reply("Sleep for 7 to", ends=Ends.HANG))
    async with cluster(site.cloud, site.edges, **ON) as c:
        site.walked.set()
        with anyio.fail_after(10):
            heard = await hear(c.client())
        assert heard.text == READ.format(SLEEP)
        await all_free(c)


async def test_a_first_one_that_dies_leaves_the_passage_to_the_whole_second_one() -> None:
    die = anyio.Event()
    site = Site(Reply(SLEEP[:30], Piece(" and", after=die), ends=Ends.CUT), Reply(WRONG.replace("3 to 4", "7 to 9")))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await eventually(lambda: [call.ended is not None for call in site.calls("verify")] == [True])
            await caught_up(c)
            die.set()
            await eventually(lambda: site.calls("expand")[0].ended is not None)
            await caught_up(c)
            site.walked.set()
        assert heard.text == READ.format(SLEEP)
        assert [(leg["leg"], leg["end"]) for leg in legs_of(heard, 1)] == [("expand", "failed"), ("verify", "done")]
        await all_free(c)


async def test_a_first_one_that_dies_under_the_readers_eyes_is_gone_on_with_not_exchanged() -> None:
    die = anyio.Event()
    second = Reply("Sleep for 7 to", ends=Ends.HANG)
    site = Site(Reply(SLEEP[:47], Piece(" and", after=die), ends=Ends.CUT), second)
    async with cluster(site.cloud, site.edges, **ONE_TRY) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            await site.both(c, "sent")
            site.walked.set()
            await eventually(lambda: SLEEP[:30] in heard.text)
            die.set()
        assert SLEEP[:30] in heard.text
        assert heard.text.count("Sleep for 7") == 1
        assert (await passages(c, heard))[1]["writer"] == "cloud"
        await all_free(c)


async def test_points_without_facts_in_an_unknown_language_are_written_twice_and_read_once() -> None:
    sketch = "Öffnung.\n>>20 Walk\n>>20 Schlaf\nEnde."
    one, two = "Schlaf ist gut für alle Menschen.", "Wer gut schläft, hat es am Tag leichter."
    site = Site(Reply(one), Reply(two), sketch=sketch, walk="Ein Walk am Morgen tut allen gut, sagt man.")
    async with cluster(site.cloud, site.edges, **ON) as c:
        question = [{"role": "user", "content": "Was hilft gegen Stress, und warum hilft das?"}]
        heard = await answered(c, site, messages=question)
        assert (one in heard.text) + (two in heard.text) == 1
        assert sorted(kept(heard)) == [False, True]
        assert all(
            "unsure" not in leg["quality"]["defects"] for leg in legs_of(heard, 1)
        )  # no node said how sure it is


async def test_a_question_in_japanese_is_answered_by_the_better_one() -> None:
    sketch = "はじめに。\n>>30 Walk: 週3回、30分歩く\n>>30 睡眠: 7〜9時間、起きる時刻を決める\nおわりに。"
    good = "睡眠は7〜9時間を目安にして、毎日起きる時刻を決めておくと、体のリズムが整いやすくなります。"
    bad = "睡眠は3〜4時間を目安にして、毎日起きる時刻を決めておくと、体のリズムが整いやすくなります。"
    walk = "週3回、30分ほど歩くだけでも、気分が晴れて、ストレスが少しずつ軽くなっていきます。"
    site = Site(Reply(bad), Reply(good), sketch=sketch, walk=walk)
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = await answered(c, site, messages=[{"role": "user", "content": "ストレスには何が効きますか?"}])
        assert heard.text == f"はじめに。\n\n{walk}\n\n{good}\n\nおわりに。"


@pytest.mark.parametrize("seen", ["nothing", "the opening", "both candidates"])
async def test_a_client_that_leaves_frees_every_slot(seen: str) -> None:
    site = Site(Reply(SLEEP[:30], ends=Ends.HANG), Reply("Sleep for 7 to", ends=Ends.HANG))
    async with cluster(site.cloud, site.edges, **ON) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                with contextlib.suppress(Exception):
                    await hear(c.client(), heard)

            group.start_soon(ask)
            if seen == "nothing":
                await eventually(lambda: bool(site.cloud.calls))
            elif seen == "the opening":
                await eventually(lambda: "Opening" in heard.text)
            else:
                await site.both(c, "sent")
            group.cancel_scope.cancel()
        await eventually(lambda: not c.open_legs)
        await all_free(c)


async def test_the_baseline_waits_for_the_second_one_of_every_passage() -> None:
    late = anyio.Event()
    site = Site(Reply(WRONG), Reply(Piece(SLEEP, after=late)))
    of_sleep = site._writes

    def writes(call: Call) -> Answer:
        if "Walk" in call.last and call.leg == "verify":
            return Reply(WORSE)
        return of_sleep(call)

    for edge in site.edges:
        edge._script = writes
    async with cluster(site.cloud, site.edges, **{**ON, "quality": {"repair": False, "ensemble": "always"}}) as c:
        heard = Heard()
        async with anyio.create_task_group() as group:
            group.start_soon(hear, c.client(), heard)
            site.walked.set()
            await eventually(lambda: WALK in heard.text)
            await eventually(lambda: bool(site.calls("expand")) and site.calls("expand")[0].ended is not None)
            await caught_up(c)
            assert WRONG not in heard.text
            late.set()
        assert heard.text == READ.format(SLEEP)
        found = await passages(c, heard)
        assert [(passage["candidates"], passage["why"]) for passage in found] == [(2, "always")] * 2
        await all_free(c)
