"""What a passage says first although the reader has just read it: a heading, a sentence, the last one's connective.

Each function answers how many characters of the text are to go, NO, or WAIT while more text is needed to tell.
"""

import re
from collections.abc import Iterable, Sequence

from picegate.assembly.lead_rules import NO, WAIT
from picegate.assembly.text import normal
from picegate.core.language import unspaced_letters

_DRESS = re.compile(r"(?:#{1,6}[ \t]*|[*_]{1,3}|[「『【〈“\"■◆●▶][ \t]*)*")  # in front of a heading
_UNDRESS = '*_」』】〉”"'
_SEPARATOR = re.compile(rf"[{_UNDRESS}]*[ \t]*(?P<sign>[:：]|[-–—]+(?=\s)|\n|(?<=】)(?=[^\s{_UNDRESS}]))")
_BEHIND_PLAIN, _BEHIND_BOLD = re.compile(r"\s*"), re.compile(r"[*_]*\s*")
_MAY_SEPARATE = re.compile(rf"[{_UNDRESS}]*[ \t]*[-–—]*")
_END = re.compile(r"[.!?。！？…]+[\"'”’)\]*_`」』）】]*")
_ENDS = re.compile(r"[\"'”’)\]*_`」』）】]*[.!?。！？…]*[\"'”’)\]*_`」』）】]*")
_GLANCE = 40  # characters that tell whether it is worth looking closer
_COMMA = re.compile(r"[,、，][ \t\u3000]*(?=\S)")

CONNECTIVES = (
    "Additionally", "In addition", "Furthermore", "Moreover", "Also", "Besides", "On top of that", "First", "Firstly",
    "First of all", "To begin with", "To start with", "Next", "Then", "Finally", "Lastly", "また", "さらに", "そして",
    "まず", "まずは", "次に", "加えて", "その上", "それから", "最後に", "続いて",
)  # fmt: skip
CONCLUSIONS = (
    "In conclusion", "To conclude", "In summary", "To sum up", "To summarize", "To summarise", "All in all",
    "結論として", "まとめると", "まとめとして", "以上のように", "以上より", "総じて",
)  # fmt: skip
_CONCLUDES = re.compile(r"conclu|summar|sum up|まとめ|結論|総括", re.IGNORECASE)


def head_of(notes: str) -> str:
    """The words in front of a point's facts ("Exercise: 30 min"), or nothing."""
    found = re.match(r"([^:：\-–—,、。.]{1,40}?)\s*(?:[:：]|\s[-–—]\s)", notes)
    return found[1] if found and weight(found[1]) > 1 else ""


def may_conclude(notes: str) -> bool:
    """Whether a conclusion is what the point asks for."""
    return _CONCLUDES.search(notes) is not None


def heading(text: str, heads: Iterable[str], *, final: bool, dressed: bool = False) -> int:
    """One of `heads` (as `normal` makes them) as a heading or label; `dressed`: not with a mere dash behind it."""
    dress = _DRESS.match(text)
    start = dress.end() if dress else 0
    rest = text[start:]
    if not rest:
        return NO if final else WAIT
    best, waits = NO, False
    for head in heads:
        size = _covered(rest, head)
        if size == WAIT:
            waits = True
        elif size > NO:
            found = _SEPARATOR.match(rest, size)
            if found and not (dressed and not start and found["sign"] not in ":：\n"):
                bold = found["sign"] in ":：" and "*" in text[:start]
                end = (_BEHIND_BOLD if bold else _BEHIND_PLAIN).match(rest, found.end())
                assert end is not None  # noqa: S101 - it matches nothing at all, too
                best = max(best, start + end.end())
                waits = waits or end.end() == len(rest)
            elif _MAY_SEPARATE.fullmatch(rest, size):
                best, waits = max(best, len(text)), True
    return WAIT if waits and not final else best


def said_before(text: str, said: Sequence[str], least: int, *, final: bool) -> int:
    """A whole sentence that is among `said` (as `normal` makes them), of so many letters (unspaced ones twice)."""
    so_far = normal(text[:_GLANCE])
    best, waits = NO, False
    for sentence in said:
        if not (sentence.startswith(so_far) or so_far.startswith(sentence)) or weight(sentence) < least:
            continue
        size = _covered(text, sentence)
        if size == WAIT:
            waits = True
        elif size > NO:
            end = _END.match(text, size)
            if (
                end
                and (final or end.end() < len(text))
                and (text[end.end() - 1] not in ".!?…" or _spaced(text, end.end()))
            ):
                best = max(best, end.end())
            else:
                waits = waits or _ENDS.fullmatch(text, size) is not None
    return WAIT if waits and not final else best


def words_first(text: str, words: Iterable[str], *, final: bool) -> tuple[int, str]:
    """One of `words` and a comma, and which."""
    waits = False
    for word in words:
        if word[0] != text[0]:
            continue
        if text.startswith(word):
            comma = _COMMA.match(text, len(word))
            if comma:
                return comma.end(), word
            waits = waits or not text[len(word) :].strip(" \t\u3000,、，")
        else:
            waits = waits or word.startswith(text)
    return (WAIT if waits and not final else NO), ""


def weight(said: str) -> int:
    return len(said) + unspaced_letters(said)


def _spaced(text: str, at: int) -> bool:
    return at >= len(text) or text[at].isspace()


def _covered(text: str, wanted: str) -> int:
    """How many characters of `text` say `wanted`; WAIT where they may come to; NO."""
    if not wanted:
        return NO
    at = 0
    for position, character in enumerate(text, start=1):
        for letter in normal(character):
            if at < len(wanted) and wanted[at] == letter:
                at += 1
            else:
                return NO
        if at == len(wanted):
            return position
    return WAIT
