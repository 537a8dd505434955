"""The model of how good emulated passages are keeps to its own definition."""

from statistics import mean

import pytest

from picegate.assembly.scoring import Candidate, Question
from picegate.core.language import Language
from picegate.core.sketch import Point
from picegate.testbed.emulated.quality import QualityModel, mark, marks

POINT = Point(0, "notes", 60)
QUESTION = Question.of("What helps?", Language.ENGLISH)
MANY = [f"point {number}" for number in range(2000)]


def confidence(model: QualityModel, text: str) -> float:
    return model.judge(Candidate(text, False, Language.ENGLISH), POINT, QUESTION).confidence


def correlation(one: list[float], other: list[float]) -> float:
    a, b = mean(one), mean(other)
    both = sum((x - a) * (y - b) for x, y in zip(one, other, strict=True))
    return both / (sum((x - a) ** 2 for x in one) * sum((y - b) ** 2 for y in other)) ** 0.5


@pytest.mark.parametrize(("number", "sound"), [(0, 0.7), (1, 0.55), (2, 0.7), (5, 0.55)])
def test_the_share_of_sound_passages_is_the_one_that_is_named(number: int, sound: float) -> None:
    found = [QualityModel().of(number, point, "expand") for point in MANY]
    assert mean(quality > 0.5 for quality in found) == pytest.approx(sound, abs=0.03)


def test_every_policy_meets_the_same_passages() -> None:
    assert QualityModel().of(1, "p", "expand") == QualityModel().of(1, "p", "expand")
    assert len({QualityModel().of(0, point, leg) for point in "pq" for leg in ("expand", "verify")}) == 4


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.9, 1.0])
def test_what_one_model_finds_hard_is_as_hard_for_another_as_is_said(alike: float) -> None:
    model = QualityModel(sound=(0.5, 0.5), alike=alike)
    first = [model.of(0, point, "expand") for point in MANY]
    second = [model.of(1, point, "verify") for point in MANY]
    assert correlation(first, second) == pytest.approx(alike, abs=0.06)  # of the ranks, nearly that of the normals


@pytest.mark.parametrize("quality", [0.0, 0.001, 0.4567, 0.9994, 1.0])
def test_a_mark_can_be_read_again(quality: float) -> None:
    text = f"{mark(quality)} words of {mark(0.25)} and more"
    assert marks(text) == pytest.approx([quality, 0.25], abs=0.0011)


def test_a_judge_that_sees_clearly_says_what_the_mark_says() -> None:
    assert confidence(QualityModel(blur=0.0), f"{mark(0.321)} words") == pytest.approx(0.321)


def test_a_blurred_judge_is_mistaken_now_and_then_and_always_in_the_same_way() -> None:
    model = QualityModel(blur=0.6)
    texts = [f"{mark(0.6)} {point}" for point in MANY[:500]]
    seen = [confidence(model, text) for text in texts]
    assert 0.1 < mean(one < 0.5 for one in seen) < 0.55
    assert seen == [confidence(model, text) for text in texts]


@pytest.mark.parametrize("quality", [0.0, 1.0])
def test_the_ends_of_the_scale_are_no_exception(quality: float) -> None:
    assert 0.0 <= confidence(QualityModel(), f"{mark(quality)} words") <= 1.0


def test_what_bears_no_mark_was_written_by_the_cloud() -> None:
    assert confidence(QualityModel(), "Some words.") == 1.0
    assert confidence(QualityModel(), " \n") == 0.0
