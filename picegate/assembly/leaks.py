"""Talk about the task inside a passage: greetings, offers, our own request and its labels, chat markup."""

import re
from collections.abc import Sequence

# What to look for, and the words (or signs) of which one stands in every place found: nearly no passage has any, and to
# look a text's words up takes a tenth of the time that the patterns take.
_PATTERNS = (
    # About itself, to the reader.
    ("ai assistant model", r"\bas an? (?:\w+ )?(?:ai|assistant|language model)\b|\blanguage model\b"),
    ("i", r"\bI(?:'m|’m| am) (?:an? (?:ai|assistant)|sorry|happy|glad|unable|here to)\b"),
    ("i", r"\bI (?:apologi[sz]e|cannot|can't|can’t)\b"),
    (
        "me free hope happy",
        r"\b(?:let me know|feel free to|hope (?:this|that|it) (?:helps|is|answers)|happy to (?:help|assist))\b",
    ),
    (
        "sure certainly course absolutely question hello hi thanks thank okay got",
        r"^\W*(?:sure|certainly|of course|absolutely|great question|hello|hi there|hi|thanks|thank you|okay|got it)\b"
        r" ?[!,.:]",
    ),
    # About the passage, the notes, the request.
    (
        "paragraph passage",
        r"\b(?:this|the|above|below|following|requested|previous|next|another|one) (?:short |single )?"
        r"(?:paragraph|passage)\b",
    ),
    (
        "notes word words",
        r"\b(?:the|your|these|provided|given|above|all) (?:\w+ )?notes\b|\bword (?:count|limit)\b|\babout \d+ words\b",
    ),
    (
        "greeting title heading prompt message asked wants",
        r"\b(?:no|without a) (?:greeting|title|heading)\b|\b(?:user|system) (?:prompt|message|asked|wants)\b",
    ),
    ("instruction instructions", r"\binstructions?\b"),
    (
        "here below",
        r"\b(?:here(?:'s|’s| is| are)|below is)\b[^.:\n]{0,50}"
        r"\b(?:paragraph|passage|version|answer|text|draft|response)\b",
    ),
    (
        ": ：",
        r"^\W*(?:notes?|question|answer|assistant|user|system|human|paragraph|passage|response|output|task)\b"
        r"\W{0,3}[:：]",
    ),
    ("> ＞ ] #", r"^ *(?:>>|＞＞) ?\d|<\|?/?\w+\|?>|\[/?INST\]|^#{1,6} "),
)
_LEAKS = tuple(
    (frozenset(words.split()), re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for words, pattern in _PATTERNS
)
_SUSPECT = frozenset().union(*(words for words, _ in _LEAKS))
_WORDS = re.compile(r"\w+|[>＞\]#:：]")

# The same in Japanese, which has no spaces around its words.
_LEAKS_JA = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"(?:AI|人工知能)(?:言語モデル|アシスタント|です|なので|として)|言語モデル",
        r"申し訳(?:あり|ござい)|承知(?:し|いた)|かしこまりました|もちろんです|お手伝い|お役に立|お気軽に|こんにちは|ご(?:質問|不明|希望)",
        r"(?:この|次の|以下の|上記の|本|一つの|一)段落|段落(?:を|です|に)|(?:この|次の|以下の|本)(?:文章|回答|答え)",
        r"メモ(?:の|を|に|で|は|から)|箇条書き|見出し|挨拶は|文字(?:数|以内)|\d+字(?:程度|以内|ほど|の|で)|指示(?:の|に|通り|どおり)",
        r"^\W*(?:メモ|質問|回答|答え|段落|本文|文章|要点)\W?[:：】]",
    )
)
_JAPANESE = re.compile("[ぁ-ヿ一-鿿]")


def leaks(sentences: Sequence[str], context: str) -> list[str]:
    """The places that talk about the task; what `context` (notes and question) says too is no leak."""
    lines = "\n".join(sentences)  # what begins a sentence, begins a line
    patterns: list[re.Pattern[str]] = []
    if not _SUSPECT.isdisjoint(words := _WORDS.findall(lines.casefold())):
        patterns += [pattern for needed, pattern in _LEAKS if not needed.isdisjoint(words)]
    if not lines.isascii() and _JAPANESE.search(lines):
        patterns += _LEAKS_JA
    if not patterns:
        return []
    said = context.casefold()
    found = [match.group().strip() for pattern in patterns for match in pattern.finditer(lines)]
    return [place for place in found if place.casefold() not in said]
