"""The client's conversation as an edge's chat template takes it: one system text, then turns that alternate."""

from collections.abc import Sequence

from picegate.core.chat import Message
from picegate.core.tokens import TOKENS_PER_MESSAGE, estimate_tokens

_SYSTEM = ("system", "developer")


def system_text(messages: Sequence[Message]) -> str:
    """The client's own instructions, all of them."""
    return "\n\n".join(m.text for m in messages if m.role in _SYSTEM and m.text.strip())


def turns(messages: Sequence[Message]) -> list[Message]:
    """User and assistant turns, in turn and beginning with the user's; neighbours of one role become one."""
    found: list[Message] = []
    for message in messages:
        if message.role not in ("user", "assistant") or not (found or message.role == "user"):
            continue
        if found and found[-1].role == message.role:
            found[-1] = Message(message.role, f"{found[-1].text}\n\n{message.text}")
        else:
            found.append(Message(message.role, message.text))
    return found


def trimmed(history: Sequence[Message], budget: int) -> list[Message]:
    """The newest turns of `history` that fit into `budget` tokens, beginning with a user's."""
    kept: list[Message] = []
    left = budget
    for message in reversed(history):
        left -= estimate_tokens(message.text) + TOKENS_PER_MESSAGE
        if left < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].role != "user":
        kept.pop(0)
    return kept


def tail(text: str, budget: int) -> str:
    """The last lines or sentences of `text` within about `budget` tokens, whole words at least."""
    if estimate_tokens(text) <= budget:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        if estimate_tokens(text[middle:]) > budget:
            low = middle + 1
        else:
            high = middle
    rest = text[low:]
    cuts = [at + len(mark) for mark in ("\n", ". ", "。", " ") if 0 <= (at := rest.find(mark)) < len(rest) // 2]
    return rest[cuts[0] :].lstrip() if cuts else rest
