"""One question over the official SDK, with everything that the reply tells about its making."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(slots=True)
class Told:
    """A streamed reply as it grows. Times are seconds since the question was sent.

    Attributes:
        parts: (writer, text) in reading order; the writer is "cloud", an agent's name, or empty where nobody says.
        sketch: the sketch's points, where the gateway shows them as reasoning text.
        usage: OpenAI's usage object with `pice`; empty until the end, or where the upstream has none.
    """

    headers: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)
    sketch: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    finish_reason: str = ""
    first_s: float | None = None
    total_s: float = 0.0

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.parts)

    @property
    def pice(self) -> dict[str, Any]:
        made: dict[str, Any] = self.usage.get("pice") or {}
        return made


def stream(
    client: "OpenAI", model: str, question: str, wishes: Mapping[str, Any], show: Callable[[Told], None]
) -> Told:
    """Ask, with `wishes` as further body fields, and call `show` with what is there after every chunk.

    Raises:
        openai.OpenAIError: whatever the SDK raises.
    """
    told, writer, started = Told(), "", time.monotonic()
    reply = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body=dict(wishes),
    )
    told.headers = dict(reply.headers)
    for chunk in reply.parse():
        writer = ((chunk.model_extra or {}).get("pice") or {}).get("writer", writer)
        for choice in chunk.choices:
            told.finish_reason = choice.finish_reason or told.finish_reason
            told.sketch += (choice.delta.model_extra or {}).get("reasoning_content") or ""
            if choice.delta.content:
                told.first_s = told.first_s if told.first_s is not None else time.monotonic() - started
                _add(told, writer, choice.delta.content)
        if chunk.usage is not None:
            told.usage = chunk.usage.to_dict()
        told.total_s = time.monotonic() - started
        show(told)
    return told


def _add(told: Told, writer: str, text: str) -> None:
    if told.parts and told.parts[-1][0] == writer:
        text = told.parts.pop()[1] + text
    told.parts.append((writer, text))
