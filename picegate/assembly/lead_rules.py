"""What small models put in front of a passage although asked not to: greetings, announcements, labels, headings."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

WAIT = -1  # undecided: more text is needed
NO = 0  # the text does not begin with it


def same_start(text: str, other: str) -> bool:
    """Whether two texts agree, but for case, as far as the shorter one goes."""
    size = min(len(text), len(other))
    return text[:size].casefold() == other[:size].casefold()


@dataclass(frozen=True, slots=True)
class LeadRule:
    """Something to be cut from the beginning of a passage.

    Attributes:
        starts: what it begins with, exactly.
        rest: what follows of it, to its end; matched behind the start. A line end stands for the end of the text.
        open_rest: what may follow while its end has not come (full match).
        meant: a further condition on the whole of it.
    """

    starts: tuple[str, ...]
    rest: re.Pattern[str]
    open_rest: re.Pattern[str]
    meant: Callable[[str], bool] = bool

    def length(self, text: str) -> int:
        """How many characters of `text` it takes; or NO, or WAIT."""
        waits = False
        for start in self.starts:
            if not text.startswith(start):
                waits = waits or start.startswith(text)
                continue
            rest = text[len(start) :]
            found = self.rest.match(rest)
            if found:
                whole = text[: len(start) + found.end()]
                if self.meant(whole):
                    return len(whole)
            elif self.open_rest.fullmatch(rest):
                waits = True
        return WAIT if waits else NO


def _rule(starts: str, rest: str, open_rest: str, meant: str = "") -> LeadRule:
    """`starts`: alternatives between bars. `meant`: a pattern that must be found in the whole."""
    condition = re.compile(meant)
    return LeadRule(
        tuple(starts.split("|")),
        re.compile(rest),
        re.compile(open_rest),
        lambda whole: condition.search(whole) is not None,
    )


_OURSELVES = (
    r"\b(?:paragraph|passage|answer|response|notes?|summary|text|version|draft|sentences?|words|continuation|description"
    r"|rewritten|write-up|happy|glad|help|assist)\b"
)
LABELS = "Paragraph|Passage|Answer|Notes|Note|Text|Response|Output|Assistant|Draft|Continuation|Writing|Result"
_LABELS_JA = "段落|文章|本文|メモ|回答|答え|要点"

_RULES: tuple[LeadRule, ...] = (
    # A reasoning model's thinking, where its server leaves it in the text.
    _rule("<think>", r"[\s\S]*?</think>\s*", r"[\s\S]*"),
    # An interjection: "Sure!", "Of course, here is ..."
    _rule("Sure|Certainly|Of course|Absolutely|Okay|OK|Great question|Alright|Got it", r" ?[!,.:;–—]+\s*", r" ?"),
    _rule("Hello|Hi|Hey|Hello there|Hi there|Thank you|Thanks", r" ?!+\s*", r" ?"),
    # An announcement, such as "Here is the paragraph:".
    _rule(
        "Here is|Here's|Here’s|Here are|Below is|Below are|The following is|The following paragraph|This is a paragraph"
        "|This is the paragraph|I'd be happy|I’d be happy|I'll write|I will write|I can help",
        r"[^.!?:\n]{0,160}[.!?:\n]\s*",
        r"[^.!?:\n]{0,160}",
        _OURSELVES,
    ),
    # A reference to us: "Based on the notes, ..."
    _rule(
        "Based on the notes|Based on your notes|According to the notes|According to your notes|As requested",
        r"[^,.:\n]{0,40},\s*",
        r"[^,.:\n]{0,40}",
    ),
    # A label, plain or bold: "Paragraph 2:".
    _rule(
        "|".join(stars + label for label in LABELS.split("|") for stars in ("", "**", "### ")),
        r"(?: \d{1,2})?\*{0,2} ?[:：]\*{0,2}\s*(?=[^\s*])",
        r"(?: \d{0,2})?\*{0,2} ?[:：]?\*{0,2}\s*",
    ),
    _rule(
        "Question:|Write one paragraph|Write a paragraph|Write about",
        r"[^\n]{0,300}\n\s*",
        r"[^\n]{0,300}",
        r"Question|words",
    ),
    _rule("|".join("#" * size + " " for size in range(1, 7)), r"[^\n]{1,160}\n\s*", r"[^\n]{0,160}"),
    _rule(">>|＞＞", r" ?\d*[+＋]? ?[:：]?\s*(?=[^\s\d+＋:：])", r" ?\d*[+＋]? ?[:：]?\s*"),
    # Japanese.
    _rule(
        "はい|もちろんです|承知しました|承知いたしました|わかりました|かしこまりました|了解しました|了解です|こんにちは",
        r"[、。！!,]+\s*",
        r"",
    ),
    _rule(
        "以下|下記|次の|こちらが|メモをもとに|メモに基づ",
        r"[^。：:\n]{0,60}[。：:\n]\s*",
        r"[^。：:\n]{0,60}",
        r"段落|文章|答え|回答|本文|まとめ(?:です|ました)|(?:通り|とおり)です",
    ),
    _rule(
        "|".join(stars + label for label in _LABELS_JA.split("|") for stars in ("", "**", "【")),
        r"】?\*{0,2}[:：】]\*{0,2}\s*",
        r"】?\*{0,2}",
    ),
)

_REFUSALS: tuple[LeadRule, ...] = (
    _rule("I'm sorry|I’m sorry|I am sorry|Sorry|I apologize", r",? but I\b", r",?(?: (?:b(?:u(?:t(?: I?)?)?)?)?)?"),
    _rule("As an AI", r"[ ,]", r""),
    _rule("I cannot |I can't |I can’t ", r"(?:assist|help|fulfill|provide|write)\b", r"[a-z]{0,8}"),
    _rule("申し訳", r"(?:ありません|ございません)", r"[ありございません]{0,6}"),
)


def _by_first(rules: Iterable[LeadRule]) -> dict[str, tuple[LeadRule, ...]]:
    """The rules by the first character of what they cut: they are tried anew with every character of a beginning."""
    by_first: dict[str, list[LeadRule]] = {}
    for rule in rules:
        for first in dict.fromkeys(start[0] for start in rule.starts):
            some = tuple(start for start in rule.starts if start[0] == first)
            by_first.setdefault(first, []).append(replace(rule, starts=some))
    return {first: tuple(some) for first, some in by_first.items()}


RULES, REFUSALS = _by_first(_RULES), _by_first(_REFUSALS)
