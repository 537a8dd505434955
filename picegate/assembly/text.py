"""Sentences and words of English and Japanese prose, as far as cutting a passage needs them."""

import re

from picegate.core.language import UNSPACED, unspaced_letters

CHARACTERS_PER_WORD = 2  # of scripts without spaces: a Japanese word is about two characters long

_SPACED_WORD = re.compile(rf"[^\s{UNSPACED}]*[^\W_{UNSPACED}][^\s{UNSPACED}]*")
_CLOSERS = "\"'”’)]}»*_`」』）】"
_EASTERN_ENDS = "。！？｡」』）"
_WESTERN_ENDS = ".!?…"
_WESTERN_END = frozenset(_WESTERN_ENDS)
_EASTERN_END = frozenset("。！？｡")
_ABBREVIATED = (
    "e.g i.e etc cf vs al approx ca dr mr mrs ms prof st jr sr nos fig figs eq vol pp ch sec inc ltd corp u.s u.k "
    "a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_LETTERS = re.compile(r"[^\W_]+")  # and digits
# ASCII needs no search: what is to go is taken out, many times as fast. One of its spaces, `bytes.split` does not know.
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_NO_LETTERS_NOR_SPACES = bytes(code for code in _NO_LETTERS if not chr(code).isspace())
_SPACES = bytes.maketrans(b"\x1c\x1d\x1e\x1f", b"    ")
_BEFORE_LAST_WORD = re.compile(r".*[\s(\[\"“‘']", re.DOTALL)
# Where a sentence may end: at a mark, or behind what may follow one, before a blank; in the East before anything else.
_MAY_END = re.compile(
    rf"[{_WESTERN_ENDS}{_EASTERN_ENDS}{re.escape(_CLOSERS)}\s](?=[ \t]|\Z)|[{_EASTERN_ENDS}](?![{_EASTERN_ENDS}])"
)


def count_words(text: str) -> int:
    """Words of `text`: those between spaces, and two characters of a script without spaces as one."""
    if text.isascii():
        if text.isalnum():  # nearly always, where it is asked word by word
            return 1
        return len(text.encode().translate(_SPACES, _NO_LETTERS_NOR_SPACES).split())
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
    if not text.endswith("."):
        return True
    before = _BEFORE_LAST_WORD.match(text, 0, len(text) - 1)
    start = before.end() if before else 0
    word = text[start:-1]
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    is_list_number = word.isdigit() and text[:start].rpartition("\n")[2].strip() == ""
    return not (word.lower() in _ABBREVIATIONS or is_initial or is_list_number)


def sentences(text: str) -> list[str]:
    """The sentences of `text` without the space around them; the last may be unfinished. Line ends end sentences."""
    found: list[str] = []
    for line in text.splitlines():
        start = 0
        for mark in _MAY_END.finditer(line):
            if ends_sentence(line[start : mark.end()]):
                found.append(line[start : mark.end()].strip())
                start = mark.end()
        if line[start:].strip():
            found.append(line[start:].strip())
    return found


def normal(text: str) -> str:
    """Letters and digits only, case folded: what two writings of one sentence have in common."""
    folded = text.casefold()
    if folded.isalnum():  # most single words
        return folded
    if folded.isascii():
        return folded.encode().translate(None, _NO_LETTERS).decode()
    return "".join(_LETTERS.findall(folded))
