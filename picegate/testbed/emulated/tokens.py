"""Emulated tokens: a fixed number per word, so that lengths in words and in tokens can be told from one another.

Words are what spaces divide. A text in a script without spaces is divided into words of two characters, as the
gateway's budgets are.
"""

from functools import lru_cache

from picegate.core.language import unspaced_letters

TOKENS_PER_WORD = 1.35  # English; an assumption of the headline testbed
TOKENS_PER_UNSPACED_WORD = 2.0  # two kana or ideographs
CHARACTERS = 2
TURN_TOKENS = 4  # a chat template's marks around a message


def words_of(text: str) -> list[str]:
    """The words of a text, spaces and line breaks left out."""
    words: list[str] = []
    for word in text.split():
        if word.isascii() or not unspaced_letters(word):
            words.append(word)
        else:
            words.extend(word[start : start + CHARACTERS] for start in range(0, len(word), CHARACTERS))
    return words


def tokens_per_word(text: str) -> float:
    unspaced = not text.isascii() and unspaced_letters(text) * 2 > len(text) // 2
    return TOKENS_PER_UNSPACED_WORD if unspaced else TOKENS_PER_WORD


@lru_cache(4096)
def message_tokens(role: str, text: str) -> tuple[int, ...]:
    """Token ids of one message of a chat prompt. Texts that begin alike have ids that begin alike.

    A message of a script without spaces counts by its own rate, so a prefix in another script may differ in it.
    """
    ids = [hash((role, mark)) for mark in range(TURN_TOKENS)]
    rate, made = tokens_per_word(text), 0
    for number, word in enumerate(words_of(text), start=1):
        due = int(number * rate + 1e-9)
        ids.extend(hash((word, part)) for part in range(due - made))
        made = due
    return tuple(ids)


def prompt_tokens(messages: list[tuple[str, str]]) -> tuple[int, ...]:
    """Token ids of a chat prompt of (role, text)."""
    return tuple(token for role, text in messages for token in message_tokens(role, text))
