"""Good passages of our own writing, each with its question and its point, in two halves that share no topic."""

import tomllib
from dataclasses import dataclass
from importlib import resources

from picegate.core.language import Language
from picegate.core.sketch import Point


@dataclass(frozen=True, slots=True)
class Example:
    topic: str
    language: Language
    question: str
    point: Point
    text: str


def examples() -> tuple[list[Example], list[Example]]:
    """Every second topic for tuning, the others held back; both languages of a topic are on the same side."""
    text = resources.files("picegate.testbed.data").joinpath("passages.toml").read_text(encoding="utf-8")
    halves: tuple[list[Example], list[Example]] = ([], [])
    for number, topic in enumerate(tomllib.loads(text)["topic"]):
        for language in (Language.ENGLISH, Language.JAPANESE):
            of = topic[language.value]
            point = Point(0, of["notes"], of["words"])
            halves[number % 2].append(Example(topic["name"], language, of["question"], point, of["text"]))
    return halves
