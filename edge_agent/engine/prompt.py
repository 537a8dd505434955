"""From messages to the text a model goes on from; the template itself is rendered by whoever has it."""

from collections.abc import Sequence

from edge_agent.engine.port import WireMessage
from edge_agent.errors import BadRequest


def split_continued(messages: Sequence[WireMessage], continues: bool) -> tuple[Sequence[WireMessage], str]:
    """The messages to render with an open turn, and the assistant's text that stands in that turn already."""
    if not continues:
        return messages, ""
    if not messages or messages[-1].get("role") != "assistant":
        raise BadRequest("To be continued, the last message must be the assistant's.", param="messages")
    return messages[:-1], str(messages[-1].get("content") or "")


def cut_after(rendered: str, content: str) -> str:
    """A conversation rendered with its last turn closed, opened again: everything up to the end of that turn's text."""
    for text in (content, content.strip()):  # some templates trim
        if text and (at := rendered.rfind(text)) >= 0:
            return rendered[: at + len(text)]
    return rendered
