"""List markers: "- ", "2. ", "３．", "②", "・" in front of a line."""

import re
from dataclasses import dataclass, replace

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_GAP = "[ \u3000]*"
# What stands behind a number so that it is a marker: "1. ", "1) ", "1）", "1．" but not "1．5", "2、" but not "2、3人".
_DELIMITER = rf"(?:[.)][ \u3000]+|）{_GAP}|(?:(?<=[0-9])．(?!\d)|(?<=[０-９])．(?![０-９])){_GAP}|、{_GAP}(?=[^\d\s]))"
_MARKER = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:[-*+]|[•‣●○◦▪](?=\s))[ \u3000]+"
    rf"|[•‣●○◦▪・]{_GAP}"
    rf"|[(（]?(?P<number>\d{{1,3}}){_DELIMITER}"
    rf"|(?P<circled>[{_CIRCLED}]){_GAP})(?=\S)"
)
_UNDECIDED = re.compile(rf"[ \t]*(?:[-*+•‣●○◦▪]|・|[(（]?\d{{0,3}}[.)．）、]?|[{_CIRCLED}])[ \u3000]*")
# A number that is written out as a label, in front of an item that has its number already.
_STEP = re.compile(
    r"(?:Step|Point|Tip|No\.|手順|ステップ|ポイント|その)[ ]?\d{1,2}[ ]?[:：.)．][ \u3000]*(?=\S)", re.IGNORECASE
)
_STEPS = ("step", "point", "tip", "no.", "手順", "ステップ", "ポイント", "その")
_STEP_OPEN = re.compile(r"[ ]?\d{0,2}[ ]?[:：.)．]?[ \u3000]*")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True, slots=True)
class Marker:
    """`text`: as it stands there, space before and behind it included. `number`: None for a bullet."""

    text: str
    indent: int
    number: int | None

    @property
    def width(self) -> int:
        """Columns it takes: how far an item's further lines are set in."""
        return sum(1 if character.isascii() else 2 for character in self.text)

    def at(self, number: int) -> "Marker":
        """The same marker with another number, written in the same figures."""
        if self.number is None:
            return self
        circled = next((sign for sign in _CIRCLED if sign in self.text), "")
        if circled:
            fits = 0 < number <= len(_CIRCLED)
            text = self.text.replace(circled, _CIRCLED[number - 1] if fits else f"({number})")
        else:
            figures = str(number) if re.search("[0-9]", self.text) else str(number).translate(_FULL_WIDTH)
            text = re.sub(r"\d+", figures, self.text, count=1)
        return replace(self, text=text, number=number)


def marker(line: str) -> Marker | None:
    """The marker that a line, or its beginning, has in front. A marker alone is none yet."""
    found = _MARKER.match(line)
    if found is None:
        return None
    number = int(found["number"]) if found["number"] else None
    if found["circled"]:
        number = _CIRCLED.index(found["circled"]) + 1
    return Marker(found.group(), len(found["indent"]), number)


def may_be_marked(line: str) -> bool:
    """Whether the beginning of a line, so far, may still become a marker."""
    return _UNDECIDED.fullmatch(line) is not None


def step(text: str) -> int:
    """Length of "Step 2: " in front of `text`; 0 where there is none."""
    found = _STEP.match(text)
    return found.end() if found else 0


def may_be_step(text: str) -> bool:
    """Whether the beginning of `text`, so far, may still become that."""
    so_far = text.casefold()
    return any(
        word.startswith(so_far) or (so_far.startswith(word) and _STEP_OPEN.fullmatch(so_far, len(word)) is not None)
        for word in _STEPS
    )
