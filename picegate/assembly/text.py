"""Sentences and words of English and Japanese prose, as far as cutting a passage needs them."""

import re

from picegate.core.language import UNSPACED, unspaced_letters

CHARACTERS_PER_WORD = 2  # of scripts without spaces: a Japanese word is about two characters long

_SPACED_WORD = re.compile(rf"[^\s{UNSPACED}]*[^\W_{UNSPACED}][^\s{UNSPACED}]*")
_CLOSERS = "\"'”’)]}»*_`」』）】"
_EASTERN_ENDS = "。！？｡」』）"
_WESTERN_END = frozenset(".!?…")
_EASTERN_END = frozenset("。！？｡")
_ABBREVIATED = (
    "e.g i.e etc cf vs al approx ca dr mr mrs ms prof st jr sr nos fig figs eq vol pp ch sec inc ltd corp u.s u.k "
    "a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_NEITHER = re.compile(r"[\W_]+")  # letter nor digit
_LAST_WORD = re.compile(r"([^\s(\[\"“‘']+)\.$")


def count_words(text: str) -> int:
    """Words of `text`: those between spaces, and two characters of a script without spaces as one."""
    return len(_SPACED_WORD.findall(text)) + (unspaced_letters(text) + 1) // CHARACTERS_PER_WORD


def ends_sentence(text: str) -> bool:
    """Whether a text that is followed by a space, or by nothing, ends with the end of a sentence.

    "e.g.", "Dr.", "J." and "3." (a list's number) are no ends; a Japanese full stop inside brackets is none either.
    """
    text = text.rstrip()
    end = text.rstrip(_CLOSERS)[-1:]
    if end in _EASTERN_END:
        line = text[text.rfind("\n") + 1 :]
        return line.count("「") <= line.count("」") and line.count("（") <= line.count("）")
    if end not in _WESTERN_END:
        return False
    last = _LAST_WORD.search(text)
    if last is None:
        return True
    word = last[1].lower()
    is_initial = len(last[1]) == 1 and last[1].isupper() and last[1] != "I"
    is_list_number = word.isdigit() and text[: last.start()].rpartition("\n")[2].strip() == ""
    return not (word in _ABBREVIATIONS or is_initial or is_list_number)


def sentences(text: str) -> list[str]:
    """The sentences of `text` without the space around them; the last may be unfinished. Line ends end sentences."""
    found: list[str] = []
    for line in text.splitlines():
        start = 0
        for position, character in enumerate(line, start=1):
            following = line[position : position + 1]
            eastern = character in _EASTERN_ENDS
            may_end = following not in _EASTERN_ENDS if eastern and following else following in ("", " ", "\t")
            if may_end and ends_sentence(line[start:position]):
                found.append(line[start:position].strip())
                start = position
        if line[start:].strip():
            found.append(line[start:].strip())
    return found


def normal(text: str) -> str:
    """Letters and digits only, case folded: what two writings of one sentence have in common."""
    return _NEITHER.sub("", text.casefold())
