"""One line of a sketch: could it become a delegation line, is it one, and what does it delegate.

`>>60 notes` and `>>60+ notes` are the grammar. Models miss it in ways that are easy to forgive: full-width signs,
spaces, a list marker or emphasis in front, a colon behind the number, the placeholder `N` or no number at all.
"""

import re
from dataclasses import dataclass

_SPACE = "[ \u3000]"
_LIST_MARKER = rf"(?:[-*+]{_SPACE}+|\(?\d{{1,3}}[.)]{_SPACE}*|\d{{1,3}}[．）、]{_SPACE}*|[•‣・●○◦▪①-⑳]{_SPACE}*)"
_HEADING = rf"#{{1,6}}{_SPACE}+"

# Everything a line can be before its two signs stand there; true of far more than becomes a delegation line.
_UNDECIDED = re.compile(
    rf"{_SPACE}{{0,3}}(?:[-*+•‣・●○◦▪①-⑳]|\(?\d{{0,3}}[.)．）、]?|#{{0,6}}){_SPACE}*[*_`]{{0,3}}[>＞]{{0,2}}"
)
_OPEN = re.compile(
    rf"(?P<prefix>{_SPACE}{{0,3}}(?P<marker>{_LIST_MARKER})?)(?:{_HEADING})?(?P<wrap>[*_]{{0,3}}|`)[>＞]{{2}}(?![>＞])"
)
_BUDGET = re.compile(
    rf"(?P<gap>{_SPACE}*)(?:(?P<words>\d+)(?![.,]?\d|{_SPACE}?[%％])|(?P<blank>N{{1,2}})(?![A-Za-z]))"
    rf"{_SPACE}*(?P<depends>[+＋])?(?:{_SPACE}*(?:words?|語)(?=[:：]))?[*_`]{{0,3}}"
)
_SEPARATOR = re.compile(rf"{_SPACE}*(?:[:：|]|[-–—.](?={_SPACE}))?{_SPACE}*")
_ATTRIBUTION = re.compile(r"(?:wrote|writes|schrieb|écrit|escribió|書きました|書いた)\s*[:：]\s*$", re.IGNORECASE)


def undecided(line: str) -> bool:
    """Whether the beginning of a line, so far, may still become a delegation line."""
    return _UNDECIDED.fullmatch(line) is not None


def opens(line: str) -> bool:
    """Whether the beginning of a line is that of a delegation line: two signs, and no third."""
    found = _OPEN.match(line)
    return found is not None and found.end() < len(line)


def quoted(line: str) -> bool:
    """Whether a line is a quotation as in mail or Markdown, or a prompt."""
    return line.lstrip(" ").startswith((">", "＞"))


def introduces_quote(line: str) -> bool:
    """Whether a line is an attribution: "On Monday Bob wrote:"."""
    return _ATTRIBUTION.search(line) is not None


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a delegation line says.

    Attributes:
        words: the budget as written; None where the line has none.
        glued: the number stands right behind the signs, as the grammar wants; such a line is never anything else.
    """

    notes: str
    words: int | None
    depends: bool
    prefix: str
    glued: bool


def read(line: str) -> Delegation | None:
    """The delegation in a whole line (without its line ending), or None where the line is text after all."""
    opening = _OPEN.match(line)
    if opening is None:
        return None
    rest = line[opening.end() :].rstrip()
    wrap = opening["wrap"]
    if wrap == "`":  # the whole line as inline code, not a sentence about the sign
        if not rest.endswith("`") or "`" in rest[:-1]:
            return None
        rest = rest[:-1]
    budget = _BUDGET.match(rest)
    words = None
    if budget:
        written = budget["words"]
        words = int(written[:6]) if written else None
        rest = rest[budget.end() :]
    notes = rest[_match_end(_SEPARATOR, rest) :].strip()
    if wrap and wrap != "`":
        notes = notes.removesuffix(wrap).rstrip()
    return Delegation(
        notes=notes,
        words=words,
        depends=bool(budget and budget["depends"]),
        prefix=opening["prefix"] if opening["marker"] else "",
        glued=bool(budget and not budget["gap"]),
    )


def _match_end(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0
