"""How frames become messages to the client."""

import asyncio
from typing import Any

from picegate.api.stream import EventStream
from picegate.settings import ServerSettings


class Sent:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.body = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)
        if "body" in message:
            self.body.set()

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]


async def test_frames_that_are_there_at_once_share_a_message() -> None:
    sent = Sent()
    with EventStream(sent, ServerSettings(), lambda: None) as out:
        for frame in (b"a", b"b", b"c"):
            out.write(frame)
        await out.finish(b"d")
    assert sent.bodies == [b"abcd"]


async def test_a_frame_does_not_wait_for_the_next_one() -> None:
    sent = Sent()
    with EventStream(sent, ServerSettings(), lambda: None) as out:
        out.write(b"a")
        await sent.body.wait()
        await out.finish(b"b")
    assert sent.bodies == [b"a", b"b"]
    assert [message.get("more_body") for message in sent.messages] == [None, True, False]


async def test_the_first_frame_is_sent_by_its_writer_and_only_once() -> None:
    sent = Sent()
    with EventStream(sent, ServerSettings(), lambda: None) as out:
        assert out.write(b"a")
        starting = out.start()
        starting.send(None)  # up to its first wait, without a turn of the loop
        assert sent.bodies == [b"a"]
        starting.close()
        await asyncio.sleep(0)
        assert not out.write(b"b")
        await out.finish(b"c")
    assert sent.bodies == [b"a", b"bc"]


async def test_no_body_goes_before_the_head_however_long_that_takes() -> None:
    """A server may take its time over the head, while the sender is woken for a second frame."""
    sent, may_go_on = Sent(), asyncio.Event()

    async def slowly(message: Any) -> None:
        if message["type"] == "http.response.start":
            await may_go_on.wait()
        await sent(message)

    with EventStream(slowly, ServerSettings(), lambda: None) as out:
        out.write(b"a")
        starting = asyncio.create_task(out.start())
        await asyncio.sleep(0)
        out.write(b"b")
        await asyncio.sleep(0)
        assert not sent.messages
        may_go_on.set()
        await starting
        await out.finish(b"c")
    assert sent.messages[0]["type"] == "http.response.start"
    assert b"".join(sent.bodies) == b"abc"
