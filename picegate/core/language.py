"""The languages that our own texts come in, and which characters are written without spaces between words."""

import re
from enum import StrEnum


class Language(StrEnum):
    ENGLISH = "en"
    JAPANESE = "ja"
    OTHER = "other"  # whatever the question is written in; our own words are English then


# Kana, ideographs, their punctuation and full-width forms. Hangul is not among them: Korean puts spaces between words.
UNSPACED = "\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff9f\U00020000-\U0003ffff"
_UNSPACED = re.compile(f"[{UNSPACED}]")
_UNSPACED_LETTERS = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]+"
)
_LATIN_LETTERS = re.compile(r"[A-Za-zÀ-ɏ]+")
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())  # of ASCII


def is_unspaced(character: str) -> bool:
    """Whether a line may be broken before and after this character: it belongs to no longer word."""
    return character >= UNSPACED[0] and _UNSPACED.match(character) is not None


def unspaced_letters(text: str) -> int:
    """How many kana and ideographs stand in `text`."""
    return 0 if text.isascii() else sum(map(len, _UNSPACED_LETTERS.findall(text)))


def latin_letters(text: str) -> int:
    if text.isascii():  # nearly always: many times as fast as a search
        return len(text.encode().translate(None, _NO_LETTERS))
    return sum(map(len, _LATIN_LETTERS.findall(text)))


def spaced(text: str) -> bool:
    """Whether the text's script puts spaces between words, by majority; True for a text without letters."""
    return unspaced_letters(text) * 2 <= latin_letters(text) + unspaced_letters(text)
