import re
from collections.abc import Sequence
from pathlib import Path

import anyio
import httpx2

from picegate.core.errors import CloudBroken
from picegate.core.events import Planned, TextDelta
from tests.contract.asking import MESSAGES, body, frames, post
from tests.contract.house import PROGRESSIVE_PLAN, Door, door, finished

PING = b": ping\n"
SERVER = {"commit_s": 0.01, "ping_s": 0.01}


async def listen(at: Door, gates: Sequence[anyio.Event]) -> bytes:
    """Read a stream to its end. The gates, where its answer waits, are opened one by one, each after two more pings."""
    seen, opened = b"", 0
    async with (
        httpx2.AsyncClient(timeout=10) as client,
        client.stream("POST", f"{at.root}/v1/chat/completions", json=body(stream=True)) as reply,
    ):
        assert reply.status_code == 200
        async for piece in reply.aiter_raw():
            seen += piece
            if opened < len(gates) and seen.count(PING) >= 2 * (opened + 1):
                gates[opened].set()
                opened += 1
    assert opened == len(gates)
    return seen


async def test_a_silent_stream_is_kept_alive_by_comments_between_events(tmp_path: Path) -> None:
    before, between = anyio.Event(), anyio.Event()
    steps = (Planned(PROGRESSIVE_PLAN), before, TextDelta("a", 0), between, TextDelta("b", 0), finished())
    async with door(tmp_path, *steps, server=SERVER) as at:
        seen = await listen(at, (before, between))
    assert seen.startswith(PING)
    # ONE newline after a ping: what follows it is another ping or an event's own line.
    assert b": ping\n\n" not in seen
    assert not re.search(rb"(?m)^(id|event|retry):", seen)
    texts = [each["choices"][0]["delta"].get("content") for each in frames(seen)[:-1]]
    assert texts == ["", "a", "b", None]
    assert frames(seen)[-1] == "[DONE]"


async def test_the_sdk_does_not_mind_pings(tmp_path: Path) -> None:
    go_on = anyio.Event()
    steps = (Planned(PROGRESSIVE_PLAN), go_on, TextDelta("a", 0), finished())
    async with door(tmp_path, *steps, server=SERVER) as at, at.client() as client:
        stream = await client.chat.completions.create(model="pice", messages=MESSAGES, stream=True)
        go_on.set()  # the 200 is here, and with it the first ping
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "a"


async def test_a_failure_after_the_first_ping_is_a_frame(tmp_path: Path) -> None:
    go_on = anyio.Event()
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), go_on, CloudBroken("gone"), server=SERVER) as at:
        seen = await listen(at, (go_on,))
    assert [each["error"]["code"] for each in frames(seen)] == ["cloud_stream_broken"]


async def test_a_stream_that_is_never_silent_has_no_pings(tmp_path: Path) -> None:
    async with door(tmp_path, Planned(PROGRESSIVE_PLAN), TextDelta("a", 0), finished()) as at:
        assert PING not in (await post(at.root, body(stream=True))).content


async def test_pings_begin_once_the_stream_has_not_only_after_the_commit(tmp_path: Path) -> None:
    go_on = anyio.Event()
    steps = (Planned(PROGRESSIVE_PLAN), TextDelta("a", 0), go_on, TextDelta("b", 0), finished())
    async with door(tmp_path, *steps, server={"commit_s": 60, "ping_s": 0.01}) as at:
        seen = await listen(at, (go_on,))
    assert seen.startswith(b"data: ")
