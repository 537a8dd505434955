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
        segments: the same by the number of the answer's segment; empty where nobody says.
        delta_s: when each piece of text came.
        sketch: the sketch's points, where the gateway shows them as reasoning text.
        usage: OpenAI's usage object with `pice`; empty until the end, or where the upstream has none.
    """

    headers: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)
    segments: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    delta_s: list[float] = field(default_factory=list)
    sketch: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    finish_reason: str = ""
    total_s: float = 0.0

    @property
    def first_s(self) -> float | None:
        return self.delta_s[0] if self.delta_s else None

    @property
    def last_s(self) -> float | None:
        return self.delta_s[-1] if self.delta_s else None

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
    told, writer, segment, started = Told(), "", None, time.monotonic()
    reply = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
        extra_body=dict(wishes),
    )
    told.headers = dict(reply.headers)
    for chunk in reply.parse():
        author = (chunk.model_extra or {}).get("pice") or {}
        writer, segment = author.get("writer", writer), author.get("segment", segment)
        for choice in chunk.choices:
            told.finish_reason = choice.finish_reason or told.finish_reason
            told.sketch += (choice.delta.model_extra or {}).get("reasoning_content") or ""
            if choice.delta.content:
                told.delta_s.append(time.monotonic() - started)
                _add(told.parts, writer, choice.delta.content)
                if segment is not None:
                    _add(told.segments.setdefault(segment, []), writer, choice.delta.content)
        if chunk.usage is not None:
            told.usage = chunk.usage.to_dict()
        told.total_s = time.monotonic() - started
        show(told)
    return told


def _add(parts: list[tuple[str, str]], writer: str, text: str) -> None:
    if parts and parts[-1][0] == writer:
        text = parts.pop()[1] + text
    parts.append((writer, text))
