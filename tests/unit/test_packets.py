"""What the server writes, gathered into few packets."""

import asyncio
from typing import Any, cast

from picegate.cli.packets import Gathering


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return f"its {name}"


def gathered(wire: Wire) -> Gathering:
    return Gathering(cast(Any, wire), asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_goes_out_at_once() -> None:
    transport = gathered(wire := Wire())
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    transport.write(b"more")
    await asyncio.sleep(0)
    assert wire.sent == [b"head body", b"more"]


async def test_a_closed_transport_has_sent_what_was_written() -> None:
    transport = gathered(wire := Wire())
    transport.write(b"the end")
    transport.close()
    await asyncio.sleep(0)
    assert (wire.sent, wire.closed) == ([b"the end"], True)


async def test_it_answers_for_the_transport_it_wraps() -> None:
    assert gathered(Wire()).get_extra_info("peername") == "its peername"
