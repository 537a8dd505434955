"""What a fake upstream is told to do: pieces of text behind gates, and every fault that a real upstream shows.

Reply("Hello ", Piece("world.", after=gate))         two chunks, the second once `gate` is set
Reply("Hello ", ends=Ends.CUT)                       one chunk, then the connection closes without a finish
Reply()                                              an empty answer
Refusal(429, headers={"retry-after": "2"})           no stream at all
Drop()                                               the connection is closed before any answer
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from picegate.testbed.calls import Call


class Gate(Protocol):
    """Anything to wait for: `anyio.Event`, `asyncio.Event`."""

    async def wait(self) -> object: ...


class Ends(StrEnum):
    """How a stream ends."""

    FINISH = "finish"  # finish reason, usage where asked for, [DONE]
    CUT = "cut"  # the connection closes after the last piece
    HANG = "hang"  # nothing more comes, until the client goes away
    ERROR = "error"  # an error frame, then the connection closes


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk of a streamed reply.

    Attributes:
        text: `delta.content`; left out of the delta where empty.
        reasoning: `delta.reasoning_content`, likewise.
        delta: further fields of the delta, such as `tool_calls` (with their `index`).
        extra: further fields of the chunk itself, which real clouds have and no client expects.
        after: the chunk is sent once this is set.
    """

    text: str = ""
    reasoning: str = ""
    delta: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    after: Gate | None = None


@dataclass(frozen=True, slots=True, init=False)
class Reply:
    """A 200. Asked without `stream`, the same pieces come as one body.

    Attributes:
        before: nothing at all is sent, no status either, until this is set.
        status_before: the 200 is sent, the first byte of the body waits until this is set.
        usage: "counted" by the fake (words in, pieces out), an object of your own, or None for an upstream without it.
        error: the error frame where `ends` is ERROR.
    """

    pieces: tuple[Piece, ...]
    finish_reason: str
    ends: Ends
    usage: Mapping[str, Any] | Literal["counted"] | None
    before: Gate | None
    status_before: Gate | None
    error: Mapping[str, Any]

    def __init__(
        self,
        *pieces: Piece | str,
        finish_reason: str = "stop",
        ends: Ends = Ends.FINISH,
        usage: Mapping[str, Any] | Literal["counted"] | None = "counted",
        before: Gate | None = None,
        status_before: Gate | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        whole = tuple(Piece(piece) if isinstance(piece, str) else piece for piece in pieces)
        broken = {"message": "the scripted upstream broke", "type": "server_error", "param": None, "code": None}
        for name, value in (
            ("pieces", whole),
            ("finish_reason", finish_reason),
            ("ends", ends),
            ("usage", usage),
            ("before", before),
            ("status_before", status_before),
            ("error", error or broken),
        ):
            object.__setattr__(self, name, value)

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Any status but 200. `body` None: OpenAI's error object with `message`."""

    status: int
    body: Mapping[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "refused by the script"
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed without an answer."""


Answer = Reply | Refusal | Drop
Script = Callable[[Call], Answer]


def in_words(text: str, *, per_piece: int = 3) -> tuple[str, ...]:
    """Cut a text into pieces of a few words, all characters kept, as a real model streams it."""
    words = text.split(" ")
    grouped = [" ".join(words[start : start + per_piece]) for start in range(0, len(words), per_piece)]
    return tuple(piece + (" " if number + 1 < len(grouped) else "") for number, piece in enumerate(grouped))
