"""The conversation of a request body: checked, and reduced to its text."""

from typing import Any

from picegate.core.chat import Message
from picegate.core.errors import BadRequest
from picegate.core.value import value
from picegate.wire.fields import MISSING, Fields, wrong_type

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_OURS = {"developer": "system"}  # chat templates of small models know no developer


@value
class Conversation:
    """`needs`: what in it only the cloud understands, by the name of the field or the type of the part."""

    messages: tuple[Message, ...]
    needs: tuple[str, ...]


def read_messages(fields: Fields) -> Conversation:
    listed = fields.array("messages")
    if listed is None:
        raise BadRequest("Missing required parameter: 'messages'.", code=MISSING, param="messages")
    if not listed:
        raise BadRequest(
            "Invalid 'messages': empty array. Expected an array with at least one message.",
            code="empty_array",
            param="messages",
        )
    messages: list[Message] = []
    needs: dict[str, None] = {}
    for index, entry in enumerate(listed):
        where = f"messages[{index}]"
        if not isinstance(entry, dict):
            raise wrong_type(where, "an object", entry)
        messages.append(_message(Fields(entry, where), needs))
    return Conversation(tuple(messages), tuple(needs))


def _message(fields: Fields, needs: dict[str, None]) -> Message:
    role = fields.choice("role", ROLES)
    if role is None:
        raise BadRequest(
            f"Missing required parameter: '{fields.path('role')}'.", code=MISSING, param=fields.path("role")
        )
    calls = bool(fields.array("tool_calls")) or bool(fields.object("function_call"))
    if calls or role in ("tool", "function"):
        needs["tool_calls"] = None
    if fields.object("audio"):
        needs["audio"] = None
    content = fields.raw("content")
    if content is None:
        if role == "assistant" and (calls or fields.raw("refusal") is not None or fields.raw("audio") is not None):
            return Message(role, fields.string("refusal") or "")
        if role == "function":
            return Message(role, "")
        raise BadRequest(
            f"Missing required parameter: '{fields.path('content')}'.", code=MISSING, param=fields.path("content")
        )
    return Message(_OURS.get(role, role), _text(content, fields.path("content"), needs))


def _text(content: Any, where: str, needs: dict[str, None]) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(where, "a string or an array of parts", content)
    if not content:
        raise BadRequest(
            f"Invalid '{where}': empty array. Expected at least one part.", code="empty_array", param=where
        )
    texts: list[str] = []
    for index, entry in enumerate(content):
        if not isinstance(entry, dict):
            raise wrong_type(f"{where}[{index}]", "an object", entry)
        part = Fields(entry, f"{where}[{index}]")
        kind = part.string("type")
        if kind is None:
            raise BadRequest(
                f"Missing required parameter: '{part.path('type')}'.", code=MISSING, param=part.path("type")
            )
        if kind not in ("text", "refusal"):
            needs[kind] = None
            continue
        text = part.string(kind)
        if text is None:
            raise BadRequest(f"Missing required parameter: '{part.path(kind)}'.", code=MISSING, param=part.path(kind))
        texts.append(text)
    return "\n".join(texts)
