"""The mark that a passage's last sentence lacks: its full stop, or an ellipsis where it breaks off in the middle."""

import re

from picegate.assembly.text import count_words, ends_sentence
from picegate.core.language import latin_letters, spaced

ELLIPSIS = "…"
_LEAST_WORDS = 4  # fewer are no sentence
_CLOSERS = "\"'”’)]}*_`」』）】%"
_OPEN_WORDS = (
    "a an the and or of to in with for by from at as is are was were be been that which who whose than but if because "
    "such between into on their its your our his her this these those not can may will would should must has have had"
)
_OPEN = frozenset(_OPEN_WORDS.split())
_LAST_WORD = re.compile(r"([A-Za-z]+)\W*\Z")
_OPEN_PARTICLE = re.compile(r"(?:[はがをにでとへや]|について|による|によって)\Z")


def missing_end(text: str, *, cut: bool, is_item: bool) -> str:
    """What to put behind a text.

    Args:
        cut: it is known to break off.
        is_item: of a list, where a full stop may be missing.
    """
    bare = text.rstrip(_CLOSERS)
    last = bare[-1:]
    if not last.isalnum() or ends_sentence(text) or count_words(text) < _LEAST_WORDS:
        return ""
    word = _LAST_WORD.search(bare)
    if cut or (word is not None and word[1].lower() in _OPEN) or (bare == text and _OPEN_PARTICLE.search(text)):
        return ELLIPSIS
    if is_item:
        return ""
    if not spaced(text):
        return "。"
    return "." if last.isdigit() or latin_letters(last) else ""
