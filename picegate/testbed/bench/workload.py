"""What is asked: mixes of questions with their lengths, and the user's own file. Texts are written here or made up."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from picegate.core.errors import ConfigError
from picegate.testbed.bench.phrases import Category, phrase
from picegate.testbed.emulated.questions import Question
from picegate.testbed.emulated.wording import sentences

VICUNA = "vicuna80"


@dataclass(frozen=True, slots=True)
class Workload:
    """Attributes:
    assumptions: what is made up about it, to be printed with every result.
    """

    name: str
    questions: tuple[Question, ...]
    assumptions: tuple[str, ...]

    def longer(self, factor: float) -> "Workload":
        """The same with answers `factor` times as long."""
        scaled = tuple(
            Question(
                q.id,
                q.category,
                q.text,
                max(1, round(q.cloud_words * factor)),
                max(1, round(q.edge_words * factor)),
                q.japanese,
                q.history,
            )
            for q in self.questions
        )
        return Workload(self.name, scaled, (*self.assumptions, f"answers {factor:g} times as long"))


def workload(name: str) -> Workload:
    """A built-in mix.

    Raises:
        ConfigError: unknown name; the message lists those there are.
    """
    if name not in MIXES:
        raise ConfigError(f"no workload is called {name!r}; there are: {', '.join(MIXES)}, or --prompts FILE.jsonl")
    return MIXES[name]()


def _vicuna() -> Workload:
    return Workload(
        VICUNA,
        tuple(_vicuna_questions()),
        (
            "lengths and categories of Vicuna-80 (answers of the 13B model in the cloud, of the 7B model on an edge)",
            "question texts are written for this testbed: each category has its own wordings, filled up to its length",
        ),
    )


def _vicuna_questions() -> Iterator[Question]:
    table = files("picegate.testbed.data").joinpath("vicuna80.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        name = f"v{row['id']}"
        text = phrase(row["category"], int(row["prompt_words"]), name)
        yield Question(name, row["category"], text, int(row["answer_words_13b"]), int(row["answer_words_7b"]))


def _short_chat() -> Workload:
    """Answers of 10 to 120 words, most of them too short to delegate anything of."""
    rng = Random("short-chat")  # noqa: S311 (a fixed experiment)
    questions = []
    for number in range(60):
        words = min(120, max(10, round(rng.lognormvariate(3.6, 0.6))))
        category = rng.choice(("generic", "knowledge", "common-sense", "chat", "chat"))
        text = phrase(category, rng.randint(4, 14), f"s{number}")
        questions.append(Question(f"s{number}", category, text, words, round(words * 1.05)))
    return Workload("short-chat", tuple(questions), ("log-normal lengths around 37 words, all made up",))


def _long_context() -> Workload:
    """The lengths of Vicuna-80 behind 600 to 1,800 words of earlier turns."""
    rng = Random("long-context")  # noqa: S311 (a fixed experiment)
    questions = []
    for question in _vicuna_questions():
        turns = rng.randint(2, 6)
        history = []
        for turn in range(turns):
            made = "".join(sentences(300, f"{question.id}/{turn}"))
            history += [("user", phrase("chat", 8, f"{question.id}/{turn}")), ("assistant", made.strip())]
        questions.append(
            Question(
                f"c{question.id}",
                question.category,
                question.text,
                question.cloud_words,
                question.edge_words,
                history=tuple(history),
            )
        )
    return Workload("long-context", tuple(questions), ("2 to 6 earlier turns of 300 words, all made up",))


def _japanese() -> Workload:
    """Vicuna-80's categories and lengths; a word of an answer is two characters, 2 tokens."""
    questions = tuple(
        Question(
            f"j{q.id}",
            q.category,
            phrase(q.category, 0, q.id, japanese=True),
            q.cloud_words,
            q.edge_words,
            japanese=True,
        )
        for q in _vicuna_questions()
    )
    return Workload("japanese", questions, ("lengths as in Vicuna-80, one word being two characters of 1 token each",))


MIXES: dict[str, Callable[[], Workload]] = {
    VICUNA: _vicuna,
    "short-chat": _short_chat,
    "long-context": _long_context,
    "japanese": _japanese,
}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(min_length=1)
    words: int = Field(200, ge=1, le=20_000, description="length of the answer")
    category: Category = "generic"
    japanese: bool = False


def prompts_file(path: Path) -> Workload:
    """The user's own questions: one JSON object a line, `{"prompt": "...", "words": 180, "category": "coding"}`.

    Only `prompt` is needed; `words` is how long its answer is taken to be, `category` decides how the emulated cloud
    writes it. Empty lines are passed over.

    Raises:
        ConfigError: unreadable, empty, or a broken line, named by its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    questions = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = _Line.model_validate(_parsed(line))
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"{path}:{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: not a JSON object: {_reason(error)}") from error
        questions.append(Question(f"f{number}", read.category, read.prompt, read.words, read.words, read.japanese))
    if not questions:
        raise ConfigError(f"{path}: no question in it")
    return Workload(path.name, tuple(questions), ("answers are as long as the file says, 200 words where it does not",))


def _reason(error: ValueError) -> str:
    """Without a line number of its own: the file's is told already."""
    return f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _parsed(line: str) -> Any:
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError(f"it is a {type(data).__name__}")
    return data
