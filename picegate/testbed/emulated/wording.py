"""Text that an emulated model writes: made-up words in sentences, so that nobody takes it for an answer."""

from collections.abc import Iterator
from itertools import product
from random import Random

_HEADS = ["ba", "ce", "di", "fo", "gu", "ka", "lu", "mi", "no", "pe", "ra", "si", "to", "vu", "we", "zo"]
_TAILS = ["lan", "mer", "nis", "pol", "rud", "sem", "tav", "vin", "xor", "yel"]
_WORDS = tuple(head + tail for head, tail in product(_HEADS, _TAILS))
_KANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロ"
SENTENCE_WORDS = (8, 15)
CLAUSE_WORDS = 4


def sentences(count: int, seed: str, *, japanese: bool = False) -> list[str]:
    """`count` words of sentences, each with what follows it: a space, or nothing in Japanese. The last ends its own."""
    rng = Random(seed)  # noqa: S311 (made-up text)
    words: list[str] = []
    for length in _lengths(count, rng):
        words.extend(_japanese(length, rng) if japanese else _latin(length, rng))
    return words


def notes(count: int, seed: str, *, japanese: bool = False) -> list[str]:
    """`count` words in telegram style, each with a space behind it, or nothing in Japanese; no full stop.

    The first is the topic; a clause has a few words.
    """
    rng = Random(seed)  # noqa: S311 (made-up text)
    plain = ["".join(rng.choices(_KANA, k=2)) for _ in range(count)] if japanese else rng.choices(_WORDS, k=count)
    topic, clause, space = ("：", "；", "") if japanese else (":", ";", " ")
    marks = [topic if at == 0 else clause if at % CLAUSE_WORDS == 0 else "" for at in range(count)]
    return [word + mark + space for word, mark in zip(plain, [*marks[: count - 1], ""], strict=True)]


def _lengths(count: int, rng: Random) -> Iterator[int]:
    while count > 0:
        length = min(count, rng.randint(*SENTENCE_WORDS))
        if count - length < SENTENCE_WORDS[0] // 2:
            length = count
        yield length
        count -= length


def _latin(length: int, rng: Random) -> list[str]:
    words = rng.choices(_WORDS, k=length)
    words[0] = words[0].capitalize()
    words[-1] += "."
    return [word + " " for word in words]


def _japanese(length: int, rng: Random) -> list[str]:
    words = ["".join(rng.choices(_KANA, k=2)) for _ in range(length)]
    words[-1] = words[-1][0] + "。"
    return words
