"""What is asked: questions whose answer is several points."""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from picegate.core.language import Language
from picegate.testbed.quality.passages import examples

VICUNA = Path("../shared/data/vicuna80.jsonl")
CATEGORIES = ("generic", "knowledge", "common-sense", "counterfactual")  # the others are single pieces: code, letters


@dataclass(frozen=True, slots=True)
class Asked:
    id: str
    text: str


def questions(count: int, vicuna: Path = VICUNA) -> tuple[list[Asked], str]:
    """At most so many, and where they come from: Vicuna-80 where that file is at hand, category by category, else the
    project's own English ones."""
    if not vicuna.is_file():
        own = [example for half in examples() for example in half if example.language is Language.ENGLISH]
        return [Asked(example.topic, example.question) for example in own[:count]], "the project's own questions"
    by_category: dict[str, list[Asked]] = defaultdict(list)
    for line in vicuna.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        by_category[row["category"]].append(Asked(str(row["id"]), row["question"]))
    turns = zip_longest(*(by_category[category] for category in CATEGORIES))
    return [one for one in chain.from_iterable(turns) if one is not None][:count], "Vicuna-80"
