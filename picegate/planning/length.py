"""How long an answer will probably be, from the question alone."""

import re

from picegate.core.chat import Ask
from picegate.core.plan import Forecast
from picegate.core.tokens import estimate_chat_tokens

# Median answer of a chat model to a general question: about 250 words, 1.35 tokens a word (Vicuna-80, 13B answers).
TYPICAL_TOKENS = 340
SHORT_TOKENS = 60
LONG_TOKENS = 700

_ASKS_SHORT = re.compile(
    r"\b(in (one|a single|1|two|2) (word|sentence|line)s?|one[- ]word|yes or no|briefly|in short|be brief|tl;?dr"
    r"|just the (answer|number|name))\b|一言で|一文で|一行で|簡潔に|短く|はいかいいえ",
    re.IGNORECASE,
)
_ASKS_LONG = re.compile(
    r"\b(in detail|detailed|comprehensive|step[- ]by[- ]step|essay|article|report|blog post|guide|write a story)\b"
    r"|詳しく|詳細に|長く|レポート|記事を|エッセイ",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"^\W*(hi|hello|hey|thanks|thank you|ok|okay|good (morning|evening)|こんにちは|ありがとう|おはよう)\W*$",
    re.IGNORECASE,
)
_LOOKUP = re.compile(
    r"^\s*(who|when|where|which|what (is|was) the (name|capital|year|date|number)|how (many|much|old|far|tall))\b",
    re.IGNORECASE,
)
_WORDS_WANTED = re.compile(r"\b(\d{2,4})\s*words?\b", re.IGNORECASE)


def forecast(ask: Ask) -> Forecast:
    """Expected tokens of prompt and answer, from the last user turn; the client's own bound is a ceiling."""
    prompt = estimate_chat_tokens([message.text for message in ask.messages])
    expected = _expected_tokens(ask.question)
    if ask.max_tokens is not None:
        expected = min(expected, ask.max_tokens)
    return Forecast(prompt_tokens=prompt, answer_tokens=expected)


def _expected_tokens(question: str) -> int:
    if wanted := _WORDS_WANTED.search(question):
        return round(int(wanted[1]) * 1.35)
    if _ASKS_SHORT.search(question) or _SMALL_TALK.match(question):
        return SHORT_TOKENS
    if _ASKS_LONG.search(question):
        return LONG_TOKENS
    if _LOOKUP.match(question) and len(question) < 120:
        return SHORT_TOKENS
    return TYPICAL_TOKENS
