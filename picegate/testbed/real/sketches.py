"""Sketches that a real model wrote once, to be replayed as often as needed.

So all settings that are compared get the same points at the same times, and the model that plays the cloud takes no
time from the agents' cores, as a cloud takes none. The words are recorded, the pace is not: on cores like these it
would be that of an edge, and where no passage waits to be read, nothing can be chosen.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.pipeline.progressive import MIN_GUIDED_POINTS
from picegate.sketch.grammar import sketch_grammar
from picegate.sketch.parser import SketchParser
from picegate.sketch.prompts import sketch_messages
from picegate.testbed.local import START_S, LocalModel, stand_in_command
from picegate.testbed.programs import Program
from picegate.testbed.real.questions import Asked

if TYPE_CHECKING:
    from openai import OpenAI

LEVEL = 2
MAX_POINTS = 5
MAX_TOKENS = 400
SEED = 1
_BUDGET = re.compile(r"(?:^|\n)>>\d+$")


@dataclass(frozen=True, slots=True)
class Sketch:
    """`pieces`: the model's text as it came, a token each."""

    asked: Asked
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def points(self, max_words: int) -> dict[int, Point]:
        """What is delegated, by the number of the answer's segment: stretches of prose are segments, too."""
        parser = SketchParser(max_points=2 * MAX_POINTS, max_words=max_words)
        found: dict[int, Point] = {}
        segments, in_prose = 0, False
        for piece in [*parser.feed(self.text), *parser.flush()]:
            if isinstance(piece, Point):
                found[segments] = piece
            if isinstance(piece, Point) or not in_prose:
                segments += 1
            in_prose = not isinstance(piece, Point)
        return found


def record(
    asked: Sequence[Asked], model: LocalModel, folder: Path, max_words: int, progress: Callable[[str], None]
) -> list[Sketch]:
    """Have the model write a sketch for each question, greedily, guided by the gateway's own grammar.

    It has all cores for itself, and ends before anything is measured.

    Raises:
        ProgramFailed: it did not start. openai.OpenAIError: it did not answer.
    """
    from openai import OpenAI  # an extra

    folder.mkdir(parents=True, exist_ok=True)
    program = Program("cloud", stand_in_command(model, os.cpu_count() or 1), log=folder / "cloud.log")
    try:
        url = f"{program.listening(START_S)}/v1"
        sketches: list[Sketch] = []
        with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=600.0) as client:
            progress("reading the instruction")
            _write(client, model.name, asked[0], max_words)  # from now on the instruction's prefix is held
            for one in asked:
                progress(f"sketch {len(sketches) + 1} of {len(asked)}")
                sketches.append(_write(client, model.name, one, max_words))
        return sketches
    finally:
        program.end()


def _write(client: "OpenAI", model: str, asked: Asked, max_words: int) -> Sketch:
    user: list[dict[str, Any]] = [{"role": "user", "content": asked.text}]
    messages: list[Any] = sketch_messages(user, level=LEVEL, max_points=MAX_POINTS, language=Language.ENGLISH)
    grammar = sketch_grammar(min_points=MIN_GUIDED_POINTS, max_points=MAX_POINTS, max_words=max_words)
    reply = client.chat.completions.create(
        model=model,
        messages=messages,
        stream=True,
        temperature=0.0,
        seed=SEED,
        max_tokens=MAX_TOKENS,
        extra_body={"grammar": grammar},
    )
    said = [choice.delta.content or "" for chunk in reply for choice in chunk.choices]
    return Sketch(asked, independent(piece for piece in said if piece))


def independent(pieces: Iterable[str]) -> tuple[str, ...]:
    """The pieces without the mark of points that depend on the text before them, `>>60+`.

    A model this small puts it behind nearly every budget, as the example in its instruction has one; passages would be
    written one after another, each while it is read, and there would be nothing to choose from.
    """
    text, kept = "", []
    for piece in pieces:
        marked = [_BUDGET.search(text + piece[:at]) and character == "+" for at, character in enumerate(piece)]
        text += piece
        kept.append("".join(character for character, mark in zip(piece, marked, strict=True) if not mark))
    return tuple(kept)
