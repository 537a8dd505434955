"""What the cloud and the edges are asked.

The cloud gets one static instruction in front of everything, the same for every request of one (level, points,
language), so that provider prompt caches hold it; the client's messages follow as they came.

An edge gets `instruction + worked example + conversation + question`, the same for all points of a request and known
before the sketch begins, so that it can be warmed; then the notes of its own point, and nothing of its siblings'. Small
models mix points up otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from picegate.core.chat import Message
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.core.tokens import TOKENS_PER_MESSAGE, estimate_chat_tokens, estimate_tokens
from picegate.sketch.history import system_text, tail, trimmed, turns
from picegate.sketch.wording import Wording, wording

CHARACTERS_PER_WORD = 2  # a budget's word, in Japanese
BEFORE_TOKENS = 400  # of the text before a dependent point that goes along; small models lose the thread in more
_RESERVE_TOKENS = 1_024  # for a point's notes, the text before it and the passage; at most half the context

# Tokens of one budgeted word, with the vocabularies of small models; English is ~1.35, two Japanese characters ~2, and
# other scripts lie between.
_TOKENS_PER_WORD = {Language.ENGLISH: 1.35, Language.JAPANESE: 2.0, Language.OTHER: 2.2}


def sketch_instruction(*, level: int, max_points: int, language: Language) -> str:
    """Our part of the sketch prompt. `level` is 1..3."""
    texts = wording(language)
    return texts.sketch.format(amount=texts.amounts[level - 1], points=max_points)


def sketch_messages(
    messages: Sequence[Mapping[str, Any]], *, level: int, max_points: int, language: Language
) -> list[dict[str, Any]]:
    """The client's messages (as on the wire) with our instruction in front of its own system message, or as one."""
    instruction = sketch_instruction(level=level, max_points=max_points, language=language)
    wire = [dict(message) for message in messages]
    if not wire or wire[0].get("role") not in ("system", "developer"):
        return [{"role": "system", "content": instruction}, *wire]
    wire[0]["content"] = _with_text(instruction, wire[0].get("content"))
    return wire


def expand_messages(
    messages: Sequence[Message],
    point: Point,
    *,
    language: Language,
    before: str = "",
    shown: str = "",
    words_scale: float = 1.0,
    context_tokens: int | None = None,
    shared: tuple[Message, ...] | None = None,
) -> tuple[Message, ...]:
    """The prompt for one passage.

    Args:
        before: the answer up to the passage; used for points that depend on it.
        shown: the beginning of the passage that the reader has seen. The prompt then ends with it, as the assistant's
            own unfinished message.
        words_scale: small models undershoot, so they are asked for this many times the budget.
        context_tokens: what prompt and passage must fit in together; the oldest turns are left out for that.
        shared: what `warm_messages` gives for the same, where it is known.
    """
    texts = wording(language)
    *head, last = shared or warm_messages(messages, language=language, context_tokens=context_tokens)
    ending = ""
    if point.depends and before.strip():
        used = estimate_chat_tokens([m.text for m in (*head, last)])
        room = BEFORE_TOKENS
        if context_tokens is not None:
            spent = (
                used + estimate_tokens(point.notes) + passage_budget_tokens(point, language) + 4 * TOKENS_PER_MESSAGE
            )
            room = max(0, min(room, context_tokens - spent))
        ending = tail(before.strip(), room)
    ask = texts.ask_more if point.follows else texts.ask
    request = last.text
    if ending:
        request += f"{texts.before}:\n{ending}\n\n"
        ask = texts.ask_after
    request += _notes(texts, point, ask, words_scale)
    prompt = (*head, Message("user", request))
    return (*prompt, Message("assistant", shown)) if shown else prompt


def warm_messages(
    messages: Sequence[Message], *, language: Language, context_tokens: int | None = None
) -> tuple[Message, ...]:
    """What all points of a request share: `expand_messages` with the last message cut right before the notes."""
    texts = wording(language)
    own = system_text(messages)
    history = turns(messages)
    question = history.pop().text if history and history[-1].role == "user" else ""
    head = [
        Message("system", f"{texts.expand}\n\n{own}" if own else texts.expand),
        Message("user", _question(texts, texts.example_question) + _notes(texts, texts.example_point, texts.ask, 1.0)),
        Message("assistant", texts.example_passage),
    ]
    last = Message("user", _question(texts, question))
    if context_tokens is not None:
        fixed = estimate_chat_tokens([m.text for m in (*head, last)])
        reserve = min(_RESERVE_TOKENS, context_tokens // 2)
        history = trimmed(history, context_tokens - fixed - reserve)
    return (*head, *history, last)


def edge_messages(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation for an edge that writes the whole answer."""
    own = system_text(messages)
    return (*([Message("system", own)] if own else []), *turns(messages))


def rescue_messages(
    raw: Sequence[Mapping[str, Any]], point: Point, *, language: Language, before: str, shown: str
) -> list[dict[str, Any]]:
    """The client's messages (as on the wire) for the cloud to write one passage that no edge could."""
    texts = wording(language)
    parts = [texts.rescue.format(notes=point.notes, **_lengths(point.words))]
    if before.strip():
        parts.append(texts.rescue_before.format(before=tail(before.strip(), BEFORE_TOKENS)))
    if shown:
        parts.append(texts.rescue_shown.format(shown=shown))
    return _asking(raw, "\n\n".join(parts))


def continue_messages(raw: Sequence[Mapping[str, Any]], shown: str, *, language: Language) -> list[dict[str, Any]]:
    """The client's messages (as on the wire) for the cloud to end a whole answer of which `shown` stands already."""
    turn = {"role": "user", "content": wording(language).go_on}
    return [*(dict(message) for message in raw), {"role": "assistant", "content": shown}, turn]


def passage_tokens(point: Point, language: Language) -> float:
    """What a passage of the length that its point asks for takes."""
    return point.words * _TOKENS_PER_WORD[language]


def passage_budget_tokens(point: Point, language: Language) -> int:
    """`max_tokens` for a passage: enough to reach the end of the sentence in which its budget runs out."""
    return round(passage_tokens(point, language) * 1.6) + 24


def _question(texts: Wording, question: str) -> str:
    return f"{texts.question}: {question}\n\n" if question else ""


def _notes(texts: Wording, point: Point, ask: str, words_scale: float) -> str:
    return f"{texts.notes}: {point.notes}\n{ask.format(**_lengths(round(point.words * words_scale)))}"


def _lengths(words: int) -> dict[str, int]:
    return {"words": words, "characters": words * CHARACTERS_PER_WORD}


def _asking(raw: Sequence[Mapping[str, Any]], request: str) -> list[dict[str, Any]]:
    """The wire messages with a request of ours behind the last user turn's own text."""
    wire = [dict(message) for message in raw]
    if not wire or wire[-1].get("role") != "user":
        return [*wire, {"role": "user", "content": request}]
    content = wire[-1].get("content")
    if isinstance(content, list):
        wire[-1]["content"] = [*content, {"type": "text", "text": request}]
    else:
        wire[-1]["content"] = f"{content}\n\n{request}" if content else request
    return wire


def _with_text(text: str, content: Any) -> Any:
    """`content` of a wire message (string or parts) with `text` in front."""
    if isinstance(content, list):
        return [{"type": "text", "text": text}, *content]
    return f"{text}\n\n{content}" if content else text
