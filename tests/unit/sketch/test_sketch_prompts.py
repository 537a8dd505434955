"""What cloud and edges are asked."""

from typing import Any

import pytest

from picegate.core.chat import Message
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.core.tokens import estimate_chat_tokens, estimate_tokens
from picegate.sketch.prompts import (
    edge_messages,
    expand_messages,
    passage_budget_tokens,
    rescue_messages,
    sketch_instruction,
    sketch_messages,
    warm_messages,
)

LANGUAGES = list(Language)
EXERCISE = Point(0, "Exercise: 30 min aerobic, 3x a week", 60)
SLEEP = Point(1, "Sleep: 7-9 h", 40)
PLAN = Point(2, "How both work together; weeks 1-4", 80, depends=True)
CHAT = (
    Message("system", "You are Dr. Mori. Always say 'we'."),
    Message("user", "Hello"),
    Message("assistant", "Good day."),
    Message("user", "What helps against stress?"),
)


def text_of(messages: tuple[Message, ...]) -> str:
    """As a chat template would render it, without the turn's end after the last message."""
    return "\x00".join(f"{m.role}\x01{m.text}" for m in messages)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_instruction_stays_within_250_tokens(language: Language, level: int) -> None:
    assert estimate_tokens(sketch_instruction(level=level, max_points=8, language=language)) <= 250


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_levels_ask_for_different_amounts(language: Language) -> None:
    assert len({sketch_instruction(level=level, max_points=8, language=language) for level in (1, 2, 3)}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sketch_prompt_begins_with_the_same_bytes(language: Language) -> None:
    instruction = sketch_instruction(level=2, max_points=6, language=language)
    for messages in (
        [{"role": "user", "content": "a"}],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "b"}],
        [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, {"role": "user", "content": "c"}],
    ):
        first = sketch_messages(messages, level=2, max_points=6, language=language)[0]["content"]
        start = first if isinstance(first, str) else first[0]["text"]
        assert start.startswith(instruction)


def test_the_clients_system_message_follows_the_instruction_in_one_message() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "Answer like a pirate.", "name": "ops"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    sketch = sketch_messages(messages, level=1, max_points=3, language=Language.ENGLISH)
    assert [m["role"] for m in sketch] == ["developer", "user"]
    assert sketch[0]["content"].endswith("\n\nAnswer like a pirate.")
    assert sketch[0]["name"] == "ops"
    assert sketch[1] == messages[1]


def test_a_sketch_prompt_leaves_the_clients_messages_as_they_are() -> None:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    sketch_messages(messages, level=1, max_points=3, language=Language.ENGLISH)
    assert messages == [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_points_of_a_request_share_everything_up_to_their_notes(language: Language) -> None:
    one, other = (text_of(expand_messages(CHAT, point, language=language)) for point in (EXERCISE, SLEEP))
    shared = next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert one[shared:].startswith(EXERCISE.notes)
    assert other[shared:].startswith(SLEEP.notes)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("context_tokens", [None, 1024, 400])
@pytest.mark.parametrize("point", [EXERCISE, SLEEP, PLAN])
def test_what_is_warmed_is_the_beginning_of_every_points_prompt(
    language: Language, context_tokens: int | None, point: Point
) -> None:
    warm = warm_messages(CHAT, language=language, context_tokens=context_tokens)
    prompt = expand_messages(
        CHAT, point, language=language, before="Before.", shown="Shown", context_tokens=context_tokens
    )
    assert text_of(prompt).startswith(text_of(warm))
    assert CHAT[-1].text in warm[-1].text


def test_an_edge_sees_its_own_notes_the_persona_and_the_conversation() -> None:
    prompt = expand_messages(CHAT, EXERCISE, language=Language.ENGLISH)
    assert [m.role for m in prompt] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert prompt[0].text.endswith(CHAT[0].text)
    assert prompt[3:5] == CHAT[1:3]
    assert "What helps against stress?" in prompt[-1].text
    assert EXERCISE.notes in prompt[-1].text
    assert "60 words" in prompt[-1].text


def test_a_dependent_point_gets_the_end_of_the_text_before_it() -> None:
    before = "First. " * 2000 + "Exercise and sleep matter."
    prompt = expand_messages(CHAT, PLAN, language=Language.ENGLISH, before=before)
    assert "Exercise and sleep matter." in prompt[-1].text
    assert estimate_tokens(prompt[-1].text) < 600
    assert before[-20:] not in expand_messages(CHAT, SLEEP, language=Language.ENGLISH, before=before)[-1].text


def test_a_begun_passage_is_the_last_message_exactly() -> None:
    prompt = expand_messages(CHAT, EXERCISE, language=Language.ENGLISH, shown="Walk, swim")
    assert prompt[-1] == Message("assistant", "Walk, swim")
    assert prompt[:-1] == expand_messages(CHAT, EXERCISE, language=Language.ENGLISH)


def test_the_words_asked_for_are_scaled() -> None:
    assert "90 words" in expand_messages(CHAT, EXERCISE, language=Language.ENGLISH, words_scale=1.5)[-1].text
    assert "約120字" in expand_messages(CHAT, EXERCISE, language=Language.JAPANESE)[-1].text


def test_the_oldest_turns_are_left_out_where_the_context_is_small() -> None:
    old = tuple(Message(role, f"{n} " + "talk " * 200) for n in range(10) for role in ("user", "assistant"))
    chat = (CHAT[0], *old, CHAT[-1])
    prompt = expand_messages(chat, EXERCISE, language=Language.ENGLISH, context_tokens=2048)
    assert estimate_chat_tokens([m.text for m in prompt]) + passage_budget_tokens(EXERCISE, Language.ENGLISH) < 2048
    assert prompt[0].text.endswith(CHAT[0].text)
    assert "What helps against stress?" in prompt[-1].text
    assert prompt[3].role == "user"
    assert any(m.text.startswith("9 ") for m in prompt)
    assert not any(m.text.startswith("0 ") for m in prompt)


def test_turns_alternate_whatever_the_client_sent() -> None:
    chat = (
        Message("assistant", "Welcome!"),
        Message("developer", "Be kind."),
        Message("user", "a"),
        Message("user", "b"),
        Message("tool", "42"),
        Message("assistant", "c"),
        Message("system", "Be brief."),
        Message("user", "d"),
    )
    assert edge_messages(chat) == (
        Message("system", "Be kind.\n\nBe brief."),
        Message("user", "a\n\nb"),
        Message("assistant", "c"),
        Message("user", "d"),
    )


def test_an_edge_that_answers_alone_gets_the_plain_conversation() -> None:
    assert edge_messages(CHAT) == CHAT
    assert edge_messages(CHAT[1:]) == CHAT[1:]


def test_the_cloud_is_asked_for_one_passage_with_the_conversation_kept() -> None:
    raw: list[dict[str, Any]] = [{"role": "system", "content": "s"}, {"role": "user", "content": "What helps?"}]
    rescue = rescue_messages(raw, PLAN, language=Language.ENGLISH, before="Sleep matters.", shown="Together they")
    assert rescue[0] == raw[0]
    assert rescue[1]["content"].startswith("What helps?\n\n")
    for part in (PLAN.notes, "80 words", "Sleep matters.", "Together they"):
        assert part in rescue[1]["content"]
    assert raw[1]["content"] == "What helps?"


def test_a_rescue_keeps_the_parts_of_the_last_message() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    raw = [{"role": "user", "content": [{"type": "text", "text": "q"}, image]}]
    (message,) = rescue_messages(raw, EXERCISE, language=Language.ENGLISH, before="", shown="")
    assert message["content"][:2] == raw[0]["content"]
    assert EXERCISE.notes in message["content"][2]["text"]


def test_braces_in_notes_are_only_text() -> None:
    point = Point(0, "the set {words} and {0}", 60)
    assert point.notes in expand_messages(CHAT, point, language=Language.ENGLISH)[-1].text
    raw = [{"role": "user", "content": "q"}]
    assert point.notes in rescue_messages(raw, point, language=Language.ENGLISH, before="", shown="{x}")[0]["content"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_token_bound_leaves_room_to_end_the_last_sentence(language: Language) -> None:
    assert passage_budget_tokens(EXERCISE, language) >= 60 * 1.35 + 40
    assert passage_budget_tokens(Point(0, "x", 400), language) > passage_budget_tokens(EXERCISE, language)
