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
