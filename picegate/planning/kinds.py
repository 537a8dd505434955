"""Kinds of question, as far as models differ in them: what is asked for, and whether in Japanese."""

from collections.abc import Mapping
from enum import StrEnum

from picegate.core.value import value


class Topic(StrEnum):
    """In the order in which they are looked for: what a small model gets wrong most often comes first."""

    CODE = "code"
    MATHS = "maths"
    REASONING = "reasoning"
    TRANSFORM = "transform"
    ROLE = "role"
    STORY = "story"
    LIST = "list"
    EXPLAIN = "explain"
    OTHER = "other"


@value
class Kind:
    """Its name (`str`) is "code" or "code ja"; `named` reads it back."""

    topic: Topic
    japanese: bool = False

    def __str__(self) -> str:
        return f"{self.topic.value} ja" if self.japanese else self.topic.value


# Made once, since every request asks.
_NAMES = tuple((topic.value, topic) for topic in Topic)
_KINDS = {(topic, japanese): Kind(topic, japanese) for topic in Topic for japanese in (False, True)}


def kind_of(features: Mapping[str, float]) -> Kind:
    """From a forecast's features (`features.py`)."""
    topic = next((topic for name, topic in _NAMES if name in features), Topic.OTHER)
    return _KINDS[topic, "kana" in features]


def named(name: str) -> Kind:
    """
    Raises:
        ValueError: no kind has this name.
    """
    topic, _, language = name.partition(" ")
    if language not in ("", "ja"):
        raise ValueError(f"no kind of question is named {name!r}")
    return Kind(Topic(topic), bool(language))
