"""What emulated models write."""

import pytest

from picegate.core.chat import Message
from picegate.core.sketch import Point
from picegate.sketch.parser import SketchParser
from picegate.sketch.prompts import expand_messages, sketch_messages
from picegate.sketch.scripts import Language, language_of
from picegate.testbed.bench.workload import workload
from picegate.testbed.emulated.author import Asked, Author
from picegate.testbed.emulated.questions import LEVELS, Question, Questions
from picegate.testbed.emulated.tokens import words_of

LIST = Question("list", "generic", "How do I sleep better?", cloud_words=260, edge_words=240)
STORY = Question("story", "writing", "Write a story.", cloud_words=300, edge_words=240)
CODE = Question("code", "coding", "Write a function.", cloud_words=300, edge_words=240)
SHORT = Question("short", "generic", "Yes or no?", cloud_words=40, edge_words=30)
JAPANESE = Question("ja", "generic", "よく眠るには?", cloud_words=260, edge_words=240, japanese=True)
QUESTIONS = Questions([LIST, STORY, CODE, SHORT, JAPANESE])


def sketch(question: Question, level: int, max_points: int = 8) -> str:
    raw = [{"role": "user", "content": question.asked}]
    messages = sketch_messages(raw, level=level, max_points=max_points, language=language_of(question.text))
    draft = Author(QUESTIONS, is_cloud=True).draft(
        Asked("sketch", level, [(str(m["role"]), str(m["content"])) for m in messages])
    )
    return draft.text(0, draft.tokens)


def points_of(text: str) -> list[Point]:
    parser = SketchParser(max_points=16, max_words=400)
    return [piece for piece in [*parser.feed(text), *parser.flush()] if isinstance(piece, Point)]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_sketch_is_as_long_as_its_level_says(level: int) -> None:
    assert len(words_of(sketch(LIST, level))) == LEVELS[level].sketch_words(LIST.points)


def test_a_wordier_cloud_writes_longer_sketches() -> None:
    author = Author(QUESTIONS, is_cloud=True, sketch_scale=2.0)
    draft = author.draft(Asked("sketch", 2, [("user", LIST.asked)]))
    assert len(draft.words) == 2 * 18 + 5 * 30


def test_a_list_is_delegated_in_points_that_share_what_the_cloud_leaves() -> None:
    points = points_of(sketch(LIST, 2))
    assert len(points) == 5
    assert sum(point.words for point in points) == 260 - 18
    assert not any(point.depends for point in points)


def test_a_story_is_one_dependent_point() -> None:
    (point,) = points_of(sketch(STORY, 1))
    assert point.depends
    assert point.words == 300 - 37


@pytest.mark.parametrize("question", [CODE, SHORT])
def test_what_is_not_fit_for_it_is_answered_directly(question: Question) -> None:
    text = sketch(question, 3)
    assert ">>" not in text
    assert len(words_of(text)) == question.cloud_words


def test_no_more_points_are_written_than_asked_for() -> None:
    assert len(points_of(sketch(LIST, 2, max_points=3))) == 3


def test_a_japanese_sketch_is_read_as_one() -> None:
    points = points_of(sketch(JAPANESE, 2))
    assert len(points) == 5
    assert points[0].words in (48, 49)


def test_an_edge_writes_as_many_words_as_the_point_asks_for() -> None:
    messages = expand_messages([Message("user", LIST.asked)], Point(0, "walk daily", 70), language=Language.ENGLISH)
    draft = Author(QUESTIONS, is_cloud=False).draft(Asked("expand", 0, [(m.role, m.text) for m in messages]))
    assert len(draft.words) == 70
    assert draft.tokens == round(70 * 1.35)


def test_a_passage_begun_by_another_is_only_finished() -> None:
    begun = "one two three four five"
    messages = expand_messages(
        [Message("user", LIST.asked)], Point(0, "walk daily", 70), language=Language.ENGLISH, shown=begun
    )
    draft = Author(QUESTIONS, is_cloud=False).draft(Asked("hedge", 0, [(m.role, m.text) for m in messages]))
    assert len(draft.words) == 65


def test_whole_answers_have_the_length_of_their_model() -> None:
    asked = [("user", LIST.asked)]
    assert len(Author(QUESTIONS, is_cloud=True).draft(Asked("cloud", 0, asked)).words) == 260
    assert len(Author(QUESTIONS, is_cloud=False).draft(Asked("edge", 0, asked)).words) == 240


def test_a_limit_cuts_and_says_so() -> None:
    draft = Author(QUESTIONS, is_cloud=True).draft(Asked("cloud", 0, [("user", LIST.asked)], max_tokens=27))
    assert (draft.tokens, draft.finish_reason) == (27, "length")
    assert len(words_of(draft.text(0, 27))) == 20


def test_a_draft_comes_whole_in_whatever_steps_it_is_sent() -> None:
    draft = Author(QUESTIONS, is_cloud=True).draft(Asked("cloud", 0, [("user", LIST.asked)]))
    pieces = [draft.text(at, min(at + 3, draft.tokens)) for at in range(0, draft.tokens, 3)]
    assert "".join(pieces) == draft.text(0, draft.tokens) == "".join(draft.words)


def test_every_built_in_question_is_found_again_by_its_mark() -> None:
    for name in ("vicuna80", "short-chat", "long-context", "japanese"):
        questions = workload(name).questions
        found = Questions(questions)
        assert all(found.of(f"before\n{question.asked}\nafter") is question for question in questions)
