"""The exam of `assembly/seams.py`: answers put together from faulty passages, with the seams mended and without."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from picegate.assembly.merger import Merger
from picegate.assembly.passage import PassageFilter
from picegate.assembly.scoring import Candidate, Question, score
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.settings import QualitySettings
from picegate.sketch.parser import Prose, SketchParser
from picegate.sketch.scripts import language_of
from picegate.testbed.quality.exam import Share
from picegate.testbed.quality.reading import faults

READS_WELL = 0.90


@dataclass(frozen=True, slots=True)
class Case:
    """One sketch with the passages that were written for it; see `data/seams.toml`."""

    kind: str
    language: Language
    question: str
    pieces: tuple[Prose | Point, ...]
    passages: tuple[str, ...]
    finish: tuple[str, ...]
    asked: dict[str, Any]
    held_back: bool

    @property
    def points(self) -> list[Point]:
        return [piece for piece in self.pieces if isinstance(piece, Point)]

    def filtered(self) -> Iterator[PassageFilter]:
        """Every passage as it leaves its node's filter."""
        for point, text, finish in zip(self.points, self.passages, self.finish, strict=True):
            made = PassageFilter(point, language=self.language)
            made.feed(text)
            made.flush(finish)
            yield made


@dataclass(frozen=True, slots=True)
class Reading:
    """`text`: the merged answer; `wrong`: what does not read well in it."""

    case: Case
    text: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeamMarks:
    """One part of the set; `before`: without the seams mended."""

    before: Share
    after: Share
    by_kind: dict[str, tuple[Share, Share]]
    by_language: dict[str, tuple[Share, Share]]
    left: list[Reading]

    @property
    def met(self) -> bool:
        return self.after.value >= READS_WELL

    def as_data(self) -> dict[str, Any]:
        def both(shares: tuple[Share, Share]) -> dict[str, Any]:
            return {"without": shares[0].as_data(), "mended": shares[1].as_data()}

        return {
            **both((self.before, self.after)),
            "by_kind": {kind: both(shares) for kind, shares in self.by_kind.items()},
            "by_language": {language: both(shares) for language, shares in self.by_language.items()},
            "left": [
                {"kind": one.case.kind, "question": one.case.question, "text": one.text, "wrong": list(one.wrong)}
                for one in self.left
            ],
        }


def cases() -> list[Case]:
    text = resources.files("picegate.testbed.data").joinpath("seams.toml").read_text(encoding="utf-8")
    return [_case(data) for data in tomllib.loads(text)["case"]]


def examine_seams() -> tuple[SeamMarks, SeamMarks]:
    """The cases that the rules were made with, and those held back."""
    found = cases()
    return (
        _marks([case for case in found if not case.held_back]),
        _marks([case for case in found if case.held_back]),
    )


def mended(case: Case) -> str:
    """The answer as the gateway streams it."""
    merger = Merger()
    segments: list[int] = []
    for piece in case.pieces:
        if isinstance(piece, Prose):
            merger.prose(piece.text)
        else:
            segments.append(merger.open_passage(piece))
    merger.close_prose()
    for segment, passage in zip(segments, case.filtered(), strict=True):
        merger.passage(segment, passage.text, "n")
        merger.close_passage(segment)
    return merger.text


def unmended(case: Case) -> str:
    """The same passages one behind the other: a blank line between them, a line break between two list items."""
    answer, prefix_before = "", ""
    texts = iter([passage.text for passage in case.filtered()])
    for piece in case.pieces:
        prefix = "" if isinstance(piece, Prose) else piece.prefix
        text = piece.text.strip("\n") if isinstance(piece, Prose) else next(texts).strip()
        if text:
            joint = "" if not answer else "\n" if prefix and prefix_before else "\n\n"
            answer += joint + prefix + text
            prefix_before = prefix
    return answer


def read(case: Case, text: str, *, siblings: bool) -> Reading:
    """`siblings`: the score knows the other points' notes."""
    asked = case.asked
    wrong = faults(text)
    if "exact" in asked and text.strip() != asked["exact"].strip():
        wrong.append("not the text it must be")
    wrong += [f"not once: {part}" for part in asked.get("once", []) if text.count(part) != 1]
    wrong += [f"there: {part}" for part in asked.get("absent", []) if part in text]
    wrong += [f"missing: {part}" for part in asked.get("present", []) if part not in text]
    if "weak" in asked or "sound" in asked:
        weak = _weak(case, siblings=siblings)
        wrong += [f"passage {number} is not called weak" for number in asked.get("weak", []) if number not in weak]
        wrong += [f"passage {number} is called weak" for number in asked.get("sound", []) if number in weak]
    return Reading(case, text, tuple(wrong))


def _weak(case: Case, *, siblings: bool) -> set[int]:
    threshold = QualitySettings().threshold
    weak, question = set(), Question.of(case.question, case.language)
    for number, (point, passage) in enumerate(zip(case.points, case.filtered(), strict=True)):
        others = [other.notes for other in case.points if siblings and other is not point and not point.depends]
        candidate = Candidate(passage.text, passage.broken_off, language_of(passage.text))
        quality = score(candidate, point, question, others)
        if quality.confidence < threshold:
            weak.add(number)
    return weak


def _case(data: dict[str, Any]) -> Case:
    parser = SketchParser(max_points=8)
    passages = tuple(data["passages"])
    return Case(
        kind=data["kind"],
        language=Language(data["language"]),
        question=data["question"],
        pieces=(*parser.feed(data["sketch"]), *parser.flush()),
        passages=passages,
        finish=tuple(data.get("finish", ["stop"] * len(passages))),
        asked={name: data[name] for name in ("exact", "once", "absent", "present", "weak", "sound") if name in data},
        held_back=data.get("held_back", False),
    )


def _marks(part: Sequence[Case]) -> SeamMarks:
    before = [read(case, unmended(case), siblings=False) for case in part]
    after = [read(case, mended(case), siblings=True) for case in part]

    def shares(*, kind: str | None = None, language: Language | None = None) -> tuple[Share, Share]:
        of = [at for at, case in enumerate(part) if kind in (None, case.kind) and language in (None, case.language)]
        return (
            Share(sum(not before[at].wrong for at in of), len(of)),
            Share(sum(not after[at].wrong for at in of), len(of)),
        )

    return SeamMarks(
        *shares(),
        {kind: shares(kind=kind) for kind in dict.fromkeys(case.kind for case in part)},
        {language.value: shares(language=language) for language in (Language.ENGLISH, Language.JAPANESE)},
        [one for one in after if one.wrong],
    )
