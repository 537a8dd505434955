"""What an emulated model writes for one call: how many words, which delegation lines. Pure.

The cloud writes as a good model would; the figures of `questions.LEVELS` are assumptions of the testbed. An edge writes
as many words as it is asked for, or its own model's length for a whole answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from picegate.core.usage import LegKind
from picegate.testbed.emulated.quality import QualityModel, mark
from picegate.testbed.emulated.questions import LEVELS, Level, Question, Questions
from picegate.testbed.emulated.tokens import CHARACTERS, TOKENS_PER_UNSPACED_WORD, TOKENS_PER_WORD, words_of
from picegate.testbed.emulated.wording import notes, sentences

_WORDS = re.compile(r"(\d+) words")
_CHARACTERS = re.compile(r"(\d+)字")
_MOST_POINTS = re.compile(r"[Aa]t most (\d+)|最大(\d+)行")
PASSAGE_LEGS = (LegKind.HEDGE, LegKind.VERIFY, LegKind.EXPAND)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as the author sees it; messages are (role, text)."""

    leg: str
    level: int
    messages: Sequence[tuple[str, str]]
    max_tokens: int | None = None

    @property
    def last(self) -> str:
        return self.messages[-1][1] if self.messages else ""

    @property
    def begun(self) -> str:
        """The assistant's own unfinished text that the prompt ends with."""
        return self.last if self.messages and self.messages[-1][0] == "assistant" else ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text in words, each with the space behind it; written at a constant number of tokens a word."""

    words: Sequence[str]
    rate: float
    finish_reason: str
    tokens: int

    def text(self, start: int, end: int) -> str:
        """What the tokens from `start` to `end` (not included) say. The last token says all that is left."""
        first = int(start / self.rate + 1e-9)
        last = len(self.words) if end >= self.tokens else int(end / self.rate + 1e-9)
        return "".join(self.words[first:last])


@dataclass(frozen=True, slots=True)
class Skill:
    """How good an edge's passages are. `model`: which of the quality model's."""

    quality: QualityModel
    model: int


class Author:
    """Attribute `is_cloud`: else an edge's small model. `sketch_scale`: its sketches are so many times as long.

    With `skill`, passages bear their quality in their first word.
    """

    def __init__(
        self, questions: Questions, *, is_cloud: bool, sketch_scale: float = 1.0, skill: Skill | None = None
    ) -> None:
        self._questions = questions
        self._skill = skill
        self._levels = {number: level.times(sketch_scale) for number, level in LEVELS.items()}
        self.is_cloud = is_cloud

    def draft(self, asked: Asked) -> Draft:
        """The text of a call. One word at least, and as many tokens as `max_tokens` allows."""
        question = self._questions.of("\n".join(text for role, text in asked.messages if role == "user"))
        seed = f"{question.id}/{asked.leg}/{asked.last}"
        if self.is_cloud and asked.leg == LegKind.SKETCH and question.points:
            words = _sketch(question, asked, self._levels.get(asked.level, self._levels[2]))
        else:
            words = sentences(self._length(question, asked), seed, japanese=question.japanese)
            if self._skill is not None and asked.leg in PASSAGE_LEGS and not asked.begun:
                of = self._skill
                point = f"{question.id}/{asked.last}"
                words[0] = mark(of.quality.of(of.model, point, asked.leg)) + " "
        rate = TOKENS_PER_UNSPACED_WORD if question.japanese else TOKENS_PER_WORD
        tokens = max(1, round(len(words) * rate))
        if asked.max_tokens is not None and asked.max_tokens < tokens:
            return Draft(words[: max(1, int(asked.max_tokens / rate))], rate, "length", max(1, asked.max_tokens))
        return Draft(words, rate, "stop", tokens)

    def _length(self, question: Question, asked: Asked) -> int:
        """Words still to be written."""
        if asked.leg in PASSAGE_LEGS and (wanted := _wanted(asked.messages)):
            return max(1, wanted - len(words_of(asked.begun)))
        whole = question.cloud_words if self.is_cloud else question.edge_words
        begun = asked.begun
        if asked.leg == LegKind.HEDGE and not begun:  # "go on behind its last word": the answer so far stands before
            begun = next((text for role, text in reversed(asked.messages) if role == "assistant"), "")
        return max(1, whole - len(words_of(begun)))


def _wanted(messages: Sequence[tuple[str, str]]) -> int:
    """The length asked for in the last user message, words; 0 where it names none."""
    last = next((text for role, text in reversed(messages) if role == "user"), "")
    if found := _WORDS.findall(last):
        return int(found[-1])
    if found := _CHARACTERS.findall(last):
        return int(found[-1]) // CHARACTERS
    return 0


def _sketch(question: Question, asked: Asked, level: Level) -> list[str]:
    """Opening, delegation lines and closing, as long as `level` says; never more lines than asked for."""
    most = _MOST_POINTS.search(asked.messages[0][1])
    points = min(question.points, int(most[1] or most[2]) if most else question.points) or 1
    japanese, seed = question.japanese, f"{question.id}/{asked.level}"
    words = sentences(level.opening, f"{seed}/opening", japanese=japanese)
    words[-1] = words[-1].rstrip() + "\n"
    left = question.cloud_words - level.own_words
    for number in range(points):
        budget = left * (number + 1) // points - left * number // points
        sign = f">>{budget}{'+' if question.dependent else ''} "
        words.append(sign)
        words.extend(notes(level.line - 1, f"{seed}/{number}", japanese=japanese))
        words[-1] = words[-1].rstrip() + "\n"
    if level.closing:
        words.extend(sentences(level.closing, f"{seed}/closing", japanese=japanese))
    return words
