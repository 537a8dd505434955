"""What can be told of a request before anyone answers it: a few numbers, the same for every language.

Cues are words in English and Japanese; lengths, digits, marks of code and mathematics speak every language.
"""

import re
from collections.abc import Mapping
from math import log

from picegate.core.chat import Ask
from picegate.core.tokens import estimate_chat_tokens, token_weight

TYPICAL_QUESTION = 16.0  # tokens; the length at which `question` is 0
_READ = 4_000  # characters of a question that are searched for cues


def _words(english: str, japanese: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{english})\b|{japanese}", re.IGNORECASE)


CUES: Mapping[str, re.Pattern[str]] = {
    "brief": _words(
        r"in (?:one|a single|1|two|2) (?:word|sentence|line)s?|one[- ]word|yes or no|briefly|in short|be brief"
        r"|concisely|tl;?dr|just the (?:answer|number|name)",
        "一言で|一文で|一行で|簡潔に|短く|はいかいいえ",
    ),
    "detail": _words(
        r"in (?:detail|depth)|detailed|comprehensive|thorough(?:ly)?|long|report|essay|article|blog post|guide",
        "詳しく|詳細に|長く|徹底的に|レポート|記事|エッセイ|作文",
    ),
    "list": _words(
        r"list|tips|ways|steps|examples|ideas|reasons|causes|factors|benefits|advantages|pros and cons|differences"
        r"|strategies|recommend(?:ations?)?|suggest(?:ions)?|what are(?: the| some)?",
        "一覧|箇条書き|挙げて|列挙|方法|コツ|手順|例を|理由|原因|要因|利点|欠点|違い|おすすめ|提案",
    ),
    "explain": _words(
        r"why|how (?:do|does|did|can|could|would|should|to|is|are|might)|explain|describe|discuss|compare"
        r"|analy[sz]e|what (?:if|would|causes|happens)",
        "なぜ|どうして|どのよう|どうすれ|説明|述べて|比較|分析|もし|について教え|仕組み",
    ),
    "story": _words(
        r"story|poem|lyrics|novel|screenplay|dialogue|monologue|speech|letter|e-?mail|diary"
        r"|compose|draft|write an? \w+",
        "物語|小説|詩を|歌詞|台本|手紙|スピーチ|メールを書|を書いて",
    ),
    "role": _words(
        r"(?:imagine|pretend|suppose) (?:that )?(?:you|yourself)|you are an?|act as|role-?play"
        r"|as an? \w+, (?:how|what)",
        "になりきって|あなたは.{1,20}です|のふりをし|役を演じ|として答え",
    ),
    "code": _words(
        r"code|function|python|javascript|typescript|java|rust|golang|c\+\+|sql|html|css|regex|program|algorithm"
        r"|debug|compile|implement",
        "コード|関数|プログラム|実装|アルゴリズム|正規表現|スクリプト",
    ),
    "maths": _words(
        r"solve|calculate|compute|equation|integral|derivative|probability of|prove|theorem|matrix|find the value",
        "計算|方程式|微分|積分|証明|確率を|行列|解いて|求めよ",
    ),
    "reasoning": _words(
        r"step[- ]by[- ]step|reasoning|estimate|how many (?:times|\w+ (?:are|does|do|has|have|would))|puzzle|riddle",
        "段階的に|順を追って|推論|見積も|何回|いくつあ",
    ),
    "transform": _words(
        r"translate|summari[sz]e|rewrite|paraphrase|proofread|correct (?:the|this)|classify|extract",
        "翻訳|要約|書き換え|言い換え|校正|添削|分類|抽出|訳して",
    ),
    "lookup": re.compile(
        r"^\s*(?:who|when|where|which|what(?: is|'s| was) the (?:name|capital|year|date|number|population|currency)"
        r"|how (?:much|old|far|tall|long ago)|define)\b|(?:は|って)(?:誰|いつ|どこ|何歳|いくら)(?:です)?",
        re.IGNORECASE,
    ),
    "small_talk": re.compile(
        r"^\W*(?:hi|hello|hey|thanks|thank you|ok|okay|good (?:morning|evening|night)|bye|こんにちは"
        r"|ありがとう(?:ございます)?|おはよう(?:ございます)?|さようなら)\W*$",
        re.IGNORECASE,
    ),
    "yes_no": re.compile(
        r"^\s*(?:is|are|was|were|do|does|did|can|could|should|will|would|has|have)\b|(?:です|ます)か[。?？]?\s*$",
        re.IGNORECASE,
    ),
}
_CODE_MARKS = re.compile(r"```|[{};]\s*\n|=>|==|\bdef |\bimport |</\w+>")
_MATHS_MARKS = re.compile(r"[∑∫√≤≥≠^]|\$[^$\n]+\$|\\frac|\d\s*[+*/=×÷]\s*\d|\b[a-z]\s*=\s*\d|\b\d*[xy]\s*[+-]\s*\d")
_OPEN_QUESTION = re.compile(r"[?？]|か。")

NAMES: tuple[str, ...] = ("typical", "question", "history", "turns", "digits", "asks", "kana", *CUES)


def features(ask: Ask) -> dict[str, float]:
    """The features that are not 0, by their name in `NAMES`; "typical" is always 1."""
    question = ask.question
    text = question[:_READ]
    own = token_weight(question)
    before = estimate_chat_tokens([message.text for message in ask.messages]) - own
    letters = max(len(text), 1)
    found = {
        "typical": 1.0,
        "question": log((1.0 + own) / (1.0 + TYPICAL_QUESTION)),
        "history": log(1.0 + max(before - 4.0, 0.0)) / 5.0,
        "turns": min(len(ask.messages) - 1, 10) / 5.0,
        "digits": min(1.0, 5.0 * sum(map(str.isdigit, text)) / letters),
        "asks": 1.0 if _OPEN_QUESTION.search(text) else 0.0,
        "kana": 1.0 if re.search("[ぁ-ヿ]", text) else 0.0,
    }
    found |= {name: 1.0 for name, cue in CUES.items() if cue.search(text)}
    if _CODE_MARKS.search(text):
        found["code"] = 1.0
    if _MATHS_MARKS.search(text):
        found["maths"] = 1.0
    if "code" in found:
        found.pop("story", None)  # "write a function"
    return {name: value for name, value in found.items() if value}
