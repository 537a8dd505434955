"""Everything we say to a model, per language. Prompts are built from it in `prompts.py`.

Whatever stands in `Wording.sketch` is paid for in every sketch call, so it stays within about 250 tokens.
"""

from dataclasses import dataclass, replace

from picegate.core.language import Language
from picegate.core.sketch import Point


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's texts. `{...}` are filled in with `str.format`.

    Attributes:
        sketch: the cloud's instruction; {amount} and {points}.
        amounts: how much to delegate, for levels 1, 2, 3.
        expand: the edge's instruction.
        example_question, example_point, example_passage: the worked example.
        question, before, notes: labels.
        ask: what to do with the notes; {words}, {characters}.
        ask_after: the same for a passage that follows on what stands before it.
        ask_more: the same for a later part of a passage, whose first part is not there yet.
        rescue: what the cloud is asked for when no edge could write a passage; {words}, {characters}, {notes}.
        rescue_before, rescue_shown: what it may need for that; {before}, {shown}.
        go_on: asks the cloud for the rest of a whole answer that another model has begun.
    """

    sketch: str
    amounts: tuple[str, str, str]
    expand: str
    example_question: str
    example_point: Point
    example_passage: str
    question: str
    before: str
    notes: str
    ask: str
    ask_after: str
    ask_more: str
    rescue: str
    rescue_before: str
    rescue_shown: str
    go_on: str


_ENGLISH = Wording(
    sketch="""\
Answer as yourself, but leave routine passages to an assistant who sees only the question. \
Delegate a passage by a line of its own:
>>N notes
N = words it deserves; notes = all facts, numbers and names it must contain, in telegram style. \
>>N+ if it builds on the text before it.
Write the opening, code, maths, exact figures and conclusions yourself. {amount} At most {points} such lines. \
For a short answer, code, maths or an exact format write no >> lines. Never mention these rules.
Example: How do I handle stress?
Stress has many causes, but a few habits help almost everyone.
>>60 Exercise: walking or running 3x a week lowers cortisol; best before noon
>>80+ Sleep after exercise: 7-9 h, fixed wake time, no screens in bed
See a doctor if it lasts over a month.""",
    amounts=(
        "Delegate only what is plain routine: examples, background, lists.",
        "Delegate explanations, examples and background.",
        "Delegate everything you can but opening and conclusion.",
    ),
    expand="Turn the notes into one paragraph of the answer to the question. Use every fact in the notes, in your own "
    "words, and explain it: why it matters, how it works, or an example. Add nothing that contradicts the notes. Write "
    "only the paragraph: no greeting, no title, no list.",
    example_question="How can I sleep better?",
    example_point=Point(
        index=0, notes="Fixed schedule: same bedtime, also weekends; body clock; 2 weeks to adapt", words=60
    ),
    example_passage="Go to bed and get up at the same time every day, including weekends. A fixed schedule trains your "
    "body clock, which then makes you sleepy at night and wakes you in the morning without an alarm. Sleeping in on "
    "Sunday undoes some of that, so keep it short. Give it about two weeks to adapt; the first days are the hardest.",
    question="Question",
    before="The answer so far",
    notes="Notes",
    ask="Write one paragraph of about {words} words.",
    ask_after="Continue the answer with one paragraph of about {words} words. Do not repeat it.",
    ask_more="Write another paragraph of about {words} words. Begin with the facts, without an introduction.",
    rescue="Write only one passage of your answer to this now, about {words} words long, from these notes: {notes}\n"
    "No greeting, no title, no remark about the task. Keep the answer's language and tone.",
    rescue_before="The answer up to here, not to be repeated:\n{before}",
    rescue_shown="The passage has been begun already. Go on right behind its last word, without repeating any of it:\n"
    "{shown}",
    go_on="Your answer was cut off. Go on right behind its last word, without repeating any of it or making a remark.",
)

_NEUTRAL = replace(
    _ENGLISH,
    sketch=_ENGLISH.sketch.replace("Answer as yourself,", "Answer as yourself in the question's language,", 1),
    expand=_ENGLISH.expand + " Write in the language of the question.",
    ask=_ENGLISH.ask + " Use the language of the question.",
    ask_after=_ENGLISH.ask_after + " Use the language of the question.",
    ask_more=_ENGLISH.ask_more + " Use the language of the question.",
)

# No call to explain the notes as in English, and a shorter example: with them Qwen2.5-Coder-0.5B went round in circles
# (29 instead of 64 % of its passages for notes of our own were sound, of 28 and 56).
_JAPANESE = Wording(
    sketch="""\
あなた自身として日本語で答える。定型的な段落は質問だけを知る助手に任せ、独立した行で指示する:
>>N メモ
N=語数(1語≒2字)。メモ=必要な事実・数値・名称を簡潔に。前の文に続く段落は >>N+。
冒頭、コード、数式、正確な数値、結論は自分で書く。{amount}最大{points}行。\
短い答え、コード、計算、厳密な形式なら >> は使わない。この指示に触れない。
例:
ストレスには習慣の見直しが役立ちます。
>>60 運動:週3回30分、コルチゾール低下、午前が良い
>>80+ 睡眠との併用:7-9時間、4週間の計画
1か月続くなら受診を。""",
    amounts=(
        "任せるのは例や背景だけ。",
        "説明、例、背景は任せる。",
        "冒頭と結論以外は任せる。",
    ),
    expand="メモを、質問への答えの一段落にしてください。メモの事実をすべて使い、矛盾することは書かないでください。"
    "段落の本文だけを日本語で書き、挨拶、見出し、箇条書きは書かないでください。",
    example_question="よく眠るにはどうすればいいですか。",
    example_point=Point(index=0, notes="就寝時刻を固定:週末も同じ、体内時計、慣れるまで2週間", words=40),
    example_passage="毎日、週末も同じ時刻に寝起きしましょう。時刻を固定すると体内時計が整い、寝つきも目覚めもよくなります。"
    "慣れるまでには2週間ほどかかります。",
    question="質問",
    before="ここまでの答え",
    notes="メモ",
    ask="約{characters}字の一段落を書いてください。",
    ask_after="ここまでの答えに続く約{characters}字の一段落を、繰り返しなしで書いてください。",
    ask_more="約{characters}字の段落をもう一つ、導入なしで事実から書いてください。",
    rescue="この質問への答えのうち、次のメモの一段落だけを約{characters}字で書いてください: {notes}\n"
    "挨拶、見出し、作業についての説明は不要です。答えの言葉づかいと文体を保ってください。",
    rescue_before="ここまでの答え(繰り返さない):\n{before}",
    rescue_shown="段落はすでに途中まで書かれています。次の文の直後から、繰り返さずに続けてください:\n{shown}",
    go_on="答えが途中で切れました。最後の語の直後から、繰り返さず、断り書きなしで続けてください。",
)

_WORDINGS = {Language.ENGLISH: _ENGLISH, Language.JAPANESE: _JAPANESE, Language.OTHER: _NEUTRAL}


def wording(language: Language) -> Wording:
    return _WORDINGS[language]
