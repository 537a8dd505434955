"""How long a cloud may take, and what becomes of a leg that is left."""

import anyio
import pytest

from picegate.clients.cloud import CloudClient
from picegate.core.errors import CloudTimeout
from picegate.testbed.cloud import ScriptedCloud
from picegate.testbed.script import Ends, Reply
from tests.sockets.clients.asking import CALL, DONE, FINISH, PING, ROLE, TOKEN, client, read, relayed, script
from tests.sockets.clients.raw import OPEN_ENDED, saying


class TestPhases:
    """Each limit names its phase; keep-alive comments and role chunks are no progress."""

    async def test_a_status_line_that_does_not_come_exceeds_the_first_token(self) -> None:
        async with saying(hang=True) as raw, client(raw.url, first_token_s=0.05) as asking:
            with pytest.raises(CloudTimeout, match="first token"):
                await read(asking)

    async def test_pings_and_a_role_do_not_count_as_a_first_token(self) -> None:
        start = (OPEN_ENDED, ROLE)
        async with saying(*start, then=PING, pause_s=0.01) as raw, client(raw.url, first_token_s=0.1) as asking:
            with anyio.fail_after(5), pytest.raises(CloudTimeout, match="first token"):
                await read(asking)

    async def test_pings_do_not_stretch_the_time_between_tokens(self) -> None:
        start = (OPEN_ENDED, TOKEN)
        async with saying(*start, then=PING, pause_s=0.01) as raw, client(raw.url, between_tokens_s=0.1) as asking:
            with anyio.fail_after(5), pytest.raises(CloudTimeout, match="between tokens"):
                await read(asking)

    async def test_a_slow_reader_does_not_use_up_the_time_between_tokens(self) -> None:
        async with (
            saying(OPEN_ENDED, TOKEN, FINISH + DONE) as raw,
            client(raw.url, between_tokens_s=0.05) as asking,
            asking.stream(CALL) as deltas,
        ):
            assert (await anext(deltas)).text == "Hi"
            await anyio.sleep(0.1)
            assert [delta.finish_reason async for delta in deltas] == ["stop"]

    async def test_an_endless_answer_exceeds_the_whole(self) -> None:
        async with saying(OPEN_ENDED, then=TOKEN, pause_s=0.01) as raw, client(raw.url, total_s=0.1) as asking:
            with anyio.fail_after(5), pytest.raises(CloudTimeout, match="whole answer"):
                await relayed(asking)

    async def test_a_whole_reply_has_the_whole_time(self, cloud: ScriptedCloud) -> None:
        script(cloud, Reply(ends=Ends.HANG))
        async with client(cloud.url, first_token_s=0.01, total_s=0.1) as asking:
            with pytest.raises(CloudTimeout, match="whole answer"):
                await asking.complete(CALL)
        await cloud.until(lambda c: c.open_legs == 0)

    async def test_a_cloud_that_is_silent_on_whole_replies_counts_as_down(self) -> None:
        async with saying(hang=True) as raw, client(raw.url, total_s=0.02) as asking:
            for _ in range(3):
                assert asking.view().up
                with pytest.raises(CloudTimeout, match="whole answer"):
                    await asking.complete(CALL)
            assert not asking.view().up

    async def test_a_timed_out_leg_is_closed_at_the_cloud(self, cloud: ScriptedCloud) -> None:
        script(cloud, Reply("Hi", ends=Ends.HANG))
        async with client(cloud.url, between_tokens_s=0.05) as asking:
            with pytest.raises(CloudTimeout):
                await read(asking)
            await cloud.until(lambda c: c.open_legs == 0)


class TestLeaving:
    """Whoever leaves frees the cloud, and the place at our gate."""

    async def test_leaving_a_stream_closes_it_at_the_cloud(self, cloud: ScriptedCloud) -> None:
        script(cloud, Reply("Hello ", ends=Ends.HANG))
        async with client(cloud.url) as asking:
            async with asking.stream(CALL) as deltas:
                async for delta in deltas:
                    if delta.text:
                        break
                assert (cloud.open_legs, asking.view().in_flight) == (1, 1)
            assert asking.view().in_flight == 0
            await cloud.until(lambda c: c.open_legs == 0)
        assert cloud.calls[0].closed_by_client

    @pytest.mark.parametrize("reply", [Reply("Hi", ends=Ends.HANG), Reply(before=anyio.Event())])
    async def test_a_cancelled_leg_is_closed_at_the_cloud(self, cloud: ScriptedCloud, reply: Reply) -> None:
        script(cloud, reply)
        async with client(cloud.url) as asking:
            for leg in (read, relayed, CloudClient.complete):
                async with anyio.create_task_group() as group:
                    group.start_soon(leg, asking, CALL)
                    await cloud.until(lambda c: c.open_legs == 1)
                    group.cancel_scope.cancel()
                await cloud.until(lambda c: c.open_legs == 0)
                assert asking.view().in_flight == 0
        assert len(cloud.calls) == 3

    async def test_a_stream_that_was_never_read_is_closed_too(self, cloud: ScriptedCloud) -> None:
        script(cloud, Reply("Hi", ends=Ends.HANG))
        async with client(cloud.url) as asking:
            async with asking.relay(CALL):
                pass
            await cloud.until(lambda c: c.open_legs == 0)
