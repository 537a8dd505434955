"""Questions with the figures that an emulated upstream answers them by, and the mark by which it knows them again.

The figures are not in the question's text: whoever plans for it must judge by the wording, as with real ones.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DIRECT_CATEGORIES = ("math", "coding")
ONE_PASSAGE_CATEGORIES = ("writing", "roleplay")
DIRECT_WORDS = 80  # shorter answers are written directly
WORDS_PER_POINT = 60
FEWEST_POINTS, MOST_POINTS = 2, 8

_MARK = re.compile(r"\[emulated question ([\w.-]+)\]")


@dataclass(frozen=True, slots=True)
class Level:
    """Words that a sketch of this level costs the cloud: opening, each point's line, closing."""

    opening: int
    line: int
    closing: int

    def times(self, factor: float) -> "Level":
        """The same for a cloud that writes sketches `factor` times as long; a line keeps its sign and two words."""
        return Level(round(self.opening * factor), max(3, round(self.line * factor)), round(self.closing * factor))

    def sketch_words(self, points: int) -> int:
        return self.opening + self.line * points + self.closing

    @property
    def own_words(self) -> int:
        """Words of the answer that the reader gets from the cloud itself."""
        return self.opening + self.closing


LEVELS: Mapping[int, Level] = {1: Level(25, 22, 12), 2: Level(18, 15, 0), 3: Level(12, 9, 0)}


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a workload.

    Attributes:
        text: what is asked, without the mark; `history` are (role, text) turns before it.
        cloud_words, edge_words: length of the answer that the cloud's and an edge's model give.
        japanese: answers are Japanese, a word being two characters.
    """

    id: str
    category: str
    text: str
    cloud_words: int
    edge_words: int
    japanese: bool = False
    history: tuple[tuple[str, str], ...] = ()

    @property
    def asked(self) -> str:
        return f"{self.text} [emulated question {self.id}]"

    @property
    def direct(self) -> bool:
        """A good cloud model delegates nothing of this answer, whatever it is asked to do."""
        return self.category in DIRECT_CATEGORIES or self.cloud_words < DIRECT_WORDS

    @property
    def points(self) -> int:
        """Delegation lines that a good cloud model writes; 0 where it delegates nothing."""
        if self.direct:
            return 0
        if self.category in ONE_PASSAGE_CATEGORIES:
            return 1
        return min(max(math.ceil(self.cloud_words / WORDS_PER_POINT), FEWEST_POINTS), MOST_POINTS)

    @property
    def dependent(self) -> bool:
        return self.category in ONE_PASSAGE_CATEGORIES


class Questions:
    """A workload's questions, found again by the mark in a text."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._by_id = {question.id: question for question in questions}

    def of(self, text: str) -> Question:
        """The question whose mark stands last in `text`; without a known one, a question of middling length."""
        marks = _MARK.findall(text)
        found = self._by_id.get(marks[-1]) if marks else None
        return found or Question("unknown", "generic", "", cloud_words=200, edge_words=200)
