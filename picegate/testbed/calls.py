"""What a fake upstream remembers of a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.protocol import LEG_HEADER, LEVEL_HEADER, REQUEST_ID_HEADER


@dataclass(slots=True)
class Call:
    """One request as it arrived, filled in while it is answered. Times are monotonic seconds.

    Attributes:
        body: the parsed JSON body; empty where it was none.
        headers: names in lower case.
        sent: pieces that have gone out so far.
        ended: when the answer was whole or the connection closed; None while the leg is open.
        closed_by_client: the client went away before the answer was whole.
        client: address and port that it came from; the same for every call over one connection.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    started: float
    number: int  # counted from 0 over all calls of this fake
    sent: int = 0
    ended: float | None = None
    closed_by_client: bool = False
    client: tuple[str, int] | None = None

    @property
    def leg(self) -> str:
        return self.headers.get(LEG_HEADER, "")

    @property
    def level(self) -> str:
        return self.headers.get(LEVEL_HEADER, "")

    @property
    def request_id(self) -> str:
        return self.headers.get(REQUEST_ID_HEADER, "")

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        return list(self.body.get("messages") or [])

    @property
    def prompt(self) -> str:
        """The text of all messages, one below the other."""
        return "\n".join(_text(message) for message in self.messages)

    @property
    def last(self) -> str:
        """The text of the last message; empty where there is none."""
        return _text(self.messages[-1]) if self.messages else ""


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if isinstance(part, dict))
