"""What can be told of a request before anyone answers it: a few numbers, the same for every language.

Cues are words in English and Japanese; lengths, digits, marks of code and mathematics speak every language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from picegate.core.chat import Ask
from picegate.core.tokens import token_weight

TYPICAL_QUESTION = 16.0  # tokens; the length at which `question` is 0
_READ = 1_000  # characters at either end of a question that are searched for cues


@dataclass(frozen=True, slots=True)
class Cue:
    """What gives a kind of request away: whole words, phrases of whole words, and characters anywhere."""

    words: frozenset[str]
    phrases: tuple[str, ...]
    anywhere: tuple[str, ...]


def _cue(english: str, japanese: str) -> Cue:
    """Both are lists with commas; what has a space in it is a phrase."""
    named = [part.strip() for part in english.split(",")]
    return Cue(
        frozenset(name for name in named if " " not in name),
        tuple(f" {name} " for name in named if " " in name),
        tuple(part.strip() for part in japanese.split(",")),
    )


CUES: Mapping[str, Cue] = {
    "brief": _cue(
        "in one word, in one sentence, in a sentence, in a single sentence, in two sentences, in one line, one word, "
        "yes or no, briefly, in short, be brief, concisely, tldr, just the answer, just the number, just the name",
        "一言で, 一文で, 一行で, 簡潔に, 短く, はいかいいえ",
    ),
    "detail": _cue(
        "in detail, in depth, detailed, comprehensive, thorough, thoroughly, long, report, essay, article, blog post, "
        "guide, tutorial",
        "詳しく, 詳細に, 長く, 徹底的に, レポート, 記事, エッセイ, 作文",
    ),
    "list": _cue(
        "list, tips, ways, steps, examples, ideas, reasons, causes, factors, benefits, advantages, pros and cons, "
        "differences, strategies, recommend, recommendations, suggest, suggestions, what are",
        "一覧, 箇条書き, 挙げて, 列挙, 方法, コツ, 手順, 例を, 理由, 原因, 要因, 利点, 欠点, 違い, おすすめ, 提案",
    ),
    "explain": _cue(
        "why, how do, how does, how did, how can, how could, how would, how should, how to, how is, how are, "
        "how might, explain, describe, discuss, compare, analyze, analyse, what if, what would, "
        "what causes, what happens",
        "なぜ, どうして, どのよう, どうすれ, 説明, 述べて, 比較, 分析, もし, について教え, 仕組み",
    ),
    "story": _cue(
        "story, poem, lyrics, novel, screenplay, dialogue, monologue, speech, letter, email, diary, compose, draft, "
        "write a, write an",
        "物語, 小説, 詩を, 歌詞, 台本, 手紙, スピーチ, メールを書, を書いて",
    ),
    "role": _cue(
        "imagine you, imagine that you, imagine yourself, pretend you, pretend to be, suppose you, you are a, "
        "you are an, act as, roleplay, role play",
        "になりきって, あなたは, のふりをし, 役を演じ, として答え",
    ),
    "code": _cue(
        "code, function, python, javascript, typescript, java, rust, golang, c++, sql, html, css, regex, program, "
        "algorithm, debug, compile, implement",
        "コード, 関数, プログラム, 実装, アルゴリズム, 正規表現, スクリプト",
    ),
    "maths": _cue(
        "solve, calculate, compute, equation, integral, derivative, probability of, prove, theorem, matrix, "
        "find the value",
        "計算, 方程式, 微分, 積分, 証明, 確率を, 行列, 解いて, 求めよ",
    ),
    "reasoning": _cue(
        "step by step, reasoning, estimate, how many times, how many, puzzle, riddle",
        "段階的に, 順を追って, 推論, 見積も, 何回, いくつあ",
    ),
    "transform": _cue(
        "translate, summarize, summarise, rewrite, paraphrase, proofread, correct the, correct this, classify, extract",
        "翻訳, 要約, 書き換え, 言い換え, 校正, 添削, 分類, 抽出, 訳して",
    ),
}
# The same the other way round: a question has few words, and there are many cues.
_BY_WORD: Mapping[str, frozenset[str]] = {
    word: frozenset(name for name, cue in CUES.items() if word in cue.words)
    for word in frozenset[str]().union(*(cue.words for cue in CUES.values()))
}
_PHRASES = tuple((phrase.split()[0], phrase, name) for name, cue in CUES.items() for phrase in cue.phrases)
_BY_FIRST_WORD: Mapping[str, tuple[tuple[str, str], ...]] = {
    first: tuple((phrase, name) for other, phrase, name in _PHRASES if other == first) for first, _, _ in _PHRASES
}
_OPENINGS: Mapping[str, re.Pattern[str]] = {
    "lookup": re.compile(
        r"\s*(?:who|when|where|which|what(?: is|'s| was) the (?:name|capital|year|date|number|population|currency)"
        r"|how (?:much|old|far|tall|long ago)|define)\b",
        re.IGNORECASE,
    ),
    "small_talk": re.compile(
        r"\W*(?:hi|hello|hey|thanks|thank you|ok|okay|good (?:morning|evening|night)|bye|こんにちは"
        r"|ありがとう(?:ございます)?|おはよう(?:ございます)?|さようなら|hallo|guten (?:tag|morgen|abend)|danke|tschüss"
        r"|bonjour|salut|merci|au revoir|hola|buenos días|buenas (?:tardes|noches)|gracias|adiós|ciao|buongiorno|grazie"
        r"|olá|oi|bom dia|obrigad[oa]|hoi|dank je|hej|tack|cześć|dziękuję|merhaba|teşekkürler|привет|здравствуйте"
        r"|спасибо|你好|您好|谢谢|謝謝|再见|안녕하세요|감사합니다|नमस्ते|धन्यवाद|مرحبا|شكرا|xin chào|cảm ơn)\W*$",
        re.IGNORECASE,
    ),
    "yes_no": re.compile(r"\s*(?:is|are|was|were|do|does|did|can|could|should|will|would|has|have)\b", re.IGNORECASE),
}
_LOOKUPS_JA = tuple(f"は{what}" for what in ("誰", "いつ", "どこ", "何歳", "いくら"))
_WORDS = re.compile(r"[a-z+]+")
_CODE_MARKS = re.compile(r"```|[{};]\s*\n|=>|==|</\w+>")
_STATEMENTS = re.compile(r"\bdef \w+\(|^\s*(?:import [\w.]+(?: as \w+)?\s*$|from [\w.]+ import )", re.MULTILINE)
_MATHS_MARKS = re.compile(r"[∑∫√≤≥≠^]|\$[^$\n]+\$|\\frac|\d\s*[+*/=×÷]\s*\d|\b[a-z]\s*=\s*\d|\b\d*[xy]\s*[+-]\s*\d")
_DIGITS = re.compile(r"\d")
_SIGNS = re.compile(r"[∑∫√≤≥≠^$\\]")  # without one of them, or a digit, there are no marks of mathematics
_KANA = re.compile("[ぁ-ヿ]")

NAMES: tuple[str, ...] = ("typical", "question", "history", "turns", "digits", "asks", "kana", *CUES, *_OPENINGS)


def features(ask: Ask, prompt_tokens: int) -> dict[str, float]:
    """The features that are not 0, by their name in `NAMES`; "typical" is always 1.

    `prompt_tokens`: of the whole conversation, estimated.
    """
    question = ask.question
    text = question if len(question) <= 2 * _READ else f"{question[:_READ]}\n{question[-_READ:]}"
    own = token_weight(question)
    before = prompt_tokens - own
    letters, digits, japanese = max(len(text), 1), len(_DIGITS.findall(text)), not text.isascii()
    found = {
        "typical": 1.0,
        "question": log((1.0 + own) / (1.0 + TYPICAL_QUESTION)),
        "history": log(1.0 + max(before - 4.0, 0.0)) / 5.0,
        "turns": min(len(ask.messages) - 1, 10) / 5.0,
        "digits": min(1.0, 5.0 * digits / letters),
        "asks": float("?" in text or "？" in text or "か。" in text),
        "kana": float(japanese and _KANA.search(text) is not None),
    }
    read = _WORDS.findall(text.lower())
    line = f" {' '.join(read)} "
    cued: set[str] = set()
    for word in set(read):
        if word in _BY_WORD:
            cued |= _BY_WORD[word]
        for phrase, name in _BY_FIRST_WORD.get(word, ()):
            if phrase in line:
                cued.add(name)
    if japanese:
        cued |= {name for name, cue in CUES.items() if any(part in text for part in cue.anywhere)}
    for name in CUES if cued else ():  # in their order: sums of floats depend on it
        if name in cued:
            found[name] = 1.0
    for name, opening in _OPENINGS.items():
        if opening.match(text):
            found[name] = 1.0
    if japanese and any(part in text for part in _LOOKUPS_JA):
        found["lookup"] = 1.0
    if _CODE_MARKS.search(text) or (("def " in text or "import " in text) and _STATEMENTS.search(text)):
        found["code"] = 1.0
    if (digits or _SIGNS.search(text)) and _MATHS_MARKS.search(text):
        found["maths"] = 1.0
    if "code" in found:
        found.pop("story", None)  # "write a function"
    return {name: value for name, value in found.items() if value}
