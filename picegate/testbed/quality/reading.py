"""What makes any merged answer read badly, whatever it is about. Shares no rule with `assembly/`, see `faults.py`."""

import re

_FENCED = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,3}|[０-９]{1,3})[.．]\s?(?!\d)")
_BRACKETS = (("(", ")"), ("（", "）"), ("「", "」"), ("『", "』"), ("“", "”"))


def faults(text: str) -> list[str]:
    """What is wrong, in words; empty where nothing is."""
    found: list[str] = []
    prose = _FENCED.sub("code", text)
    if "```" in prose or "~~~" in prose:
        found.append("an open code fence")
    if "\n\n\n" in prose:
        found.append("a gap")
    for paragraph in re.split(r"\n\s*\n", prose):
        bare = re.sub(r"`[^`]*`", "", paragraph)
        if "`" in bare:
            found.append("open inline code")
        if bare.count("**") % 2:
            found.append("open bold type")
        found += [f"open {opening}" for opening, closing in _BRACKETS if bare.count(opening) > bare.count(closing)]
        found += _miscounted(paragraph)
    return found


def _miscounted(paragraph: str) -> list[str]:
    """Items whose numbers, one below the other, do not count on."""
    last, found = None, []
    for line in paragraph.splitlines():
        number = _NUMBERED.match(line)
        if number is None:
            continue
        value = int(number[1])
        if last is not None and value != last + 1:
            found.append(f"item {value} behind {last}")
        last = value
    return found
