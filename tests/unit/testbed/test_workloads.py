"""Workloads, arrivals and the user's own file."""

import math
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from picegate.core.errors import ConfigError
from picegate.testbed.bench.arrivals import arrivals, order
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.phrases import Category
from picegate.testbed.bench.workload import MIXES, prompts_file, workload
from picegate.testbed.emulated.profile import known, load_profile


def test_vicuna_has_its_eighty_lengths_and_nine_categories() -> None:
    questions = workload("vicuna80").questions
    assert len(questions) == 80
    assert len({question.category for question in questions}) == 9
    assert questions[0].cloud_words == 192
    assert sum(question.direct for question in questions) == 11


def test_japanese_questions_are_japanese() -> None:
    assert all(question.japanese and not question.text.isascii() for question in workload("japanese").questions)


def test_long_contexts_have_history() -> None:
    assert all(len(question.history) >= 4 for question in workload("long-context").questions)


def test_an_unknown_workload_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="vicuna80, short-chat"):
        workload("chess")
    assert set(MIXES) == {"vicuna80", "short-chat", "long-context", "japanese"}


def test_longer_answers_keep_their_questions() -> None:
    once, twice = workload("vicuna80"), workload("vicuna80").longer(2)
    assert twice.questions[0].cloud_words == 2 * once.questions[0].cloud_words
    assert twice.questions[0].text == once.questions[0].text


@pytest.mark.parametrize("pattern", ["poisson", "bursty"])
def test_arrivals_come_at_their_rate_and_are_the_same_for_a_seed(pattern: str) -> None:
    moments = arrivals(4_000, 120.0, pattern, seed=3)  # type: ignore[arg-type]
    assert moments == sorted(moments)
    assert moments[-1] == pytest.approx(2_000, rel=0.1)
    assert moments == arrivals(4_000, 120.0, pattern, seed=3)  # type: ignore[arg-type]
    assert moments != arrivals(4_000, 120.0, pattern, seed=4)  # type: ignore[arg-type]


def test_bursts_lie_closer_together() -> None:
    def near(pattern: str) -> int:
        moments = arrivals(2_000, 60.0, pattern, seed=1)  # type: ignore[arg-type]
        return sum(later - earlier < 0.1 for earlier, later in pairwise(moments))

    assert near("bursty") > 3 * near("poisson")


def test_two_loads_differ_in_nothing_but_their_pace() -> None:
    slow, fast = arrivals(50, 30.0, "poisson", 1), arrivals(50, 60.0, "poisson", 1)
    assert [moment / 2 for moment in slow] == pytest.approx(fast)


@pytest.mark.parametrize("rate", [0.0, -5.0])
def test_a_rate_that_is_not_positive_cannot_be_offered(rate: float) -> None:
    with pytest.raises(ValueError, match="cannot be offered"):
        arrivals(10, rate, "poisson", 1)


@pytest.mark.parametrize("value", [0.0, -5.0, math.nan, math.inf])
def test_a_load_of_no_rate_or_time_cannot_be_offered(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be offered"):
        Load(value, 10.0)
    with pytest.raises(ValueError, match="cannot be offered"):
        Load(10.0, value)


def test_every_question_is_asked_once_before_any_is_asked_again() -> None:
    assert sorted(order(80, 160, seed=1)) == sorted([*range(80), *range(80)])
    assert sorted(order(80, 160, seed=1)[:80]) == list(range(80))


def test_a_prompts_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "Why?", "words": 120, "category": "coding"}\n\n{"prompt": "なぜ?", "japanese": true}\n')
    first, second = prompts_file(path).questions
    assert (first.text, first.cloud_words, first.direct) == ("Why?", 120, True)
    assert (second.cloud_words, second.japanese) == (200, True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{nonsense", "not a JSON object: .* at column 2$"),
        ("[1]", "it is a list"),
        ('{"words": 3}', "prompt: Field required"),
        ('{"prompt": "a", "words": 0}', "words: "),
        ('{"prompt": "a", "colour": 1}', "colour: "),
        ('{"prompt": "a", "category": "chess"}', "category: .*'generic', .*'coding', .*'chat'"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f'{{"prompt": "Why?"}}\n{line}\n')
    with pytest.raises(ConfigError, match=rf"mine\.jsonl:2: .*{reason}"):
        prompts_file(path)


def test_the_categories_of_our_own_questions_may_be_named_in_a_file() -> None:
    assert {q.category for name in MIXES for q in workload(name).questions} <= set(get_args(Category))


def test_a_prompts_file_must_have_questions_and_be_there(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ConfigError, match="no question"):
        prompts_file(tmp_path / "empty.jsonl")
    with pytest.raises(ConfigError, match="cannot read"):
        prompts_file(tmp_path / "none.jsonl")


def test_every_shipped_profile_loads_and_names_the_source_of_its_figures() -> None:
    for name in known():
        profile = load_profile(name)
        assert {"step", "slots", "prefill", "link"} <= set(profile.sources), name


def test_bad_profiles_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no profile is called 'abacus'; there are: .*headline-cloud"):
        load_profile("abacus")
    with pytest.raises(ConfigError, match="a profile of an edge, but one of a cloud is wanted"):
        load_profile("headline-orin", "cloud")
    broken = tmp_path / "broken.toml"
    broken.write_text('title = "x"\nkind = "edge"\n')
    with pytest.raises(ConfigError, match="engine: Field required"):
        load_profile(str(broken))
