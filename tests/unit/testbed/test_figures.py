"""What is made of the answers of a trial as their readers saw them."""

import math
from dataclasses import asdict

import pytest

from picegate.testbed.bench.figures import Figures, figures_of
from picegate.testbed.bench.reader import Heard
from picegate.testbed.emulated.engine import Work
from picegate.testbed.emulated.profile import load_profile
from picegate.testbed.emulated.server import Lag, Stats
from picegate.testbed.emulated.wording import sentences


def heard(moments: list[float], text: str = "one two three four ", due: float = 0.0) -> Heard:
    return Heard(due, "q", moments=moments, text=text, ended=moments[-1], status=200)


def figures(*answers: Heard) -> Figures:
    cloud = Stats("cloud", 16, asdict(Work()), asdict(Lag()), {})
    return figures_of(answers, 0.0, [cloud], load_profile("headline-cloud"), load_profile("headline-orin"), 0.0)


@pytest.mark.parametrize(("japanese", "rate"), [(False, 1.35), (True, 2.0)])
def test_the_tokens_of_an_answer_are_those_that_the_emulation_wrote(japanese: bool, rate: float) -> None:
    one = heard([0.0], "".join(sentences(200, "a", japanese=japanese)))
    assert (one.words, one.tokens) == (200, pytest.approx(200 * rate))


def test_time_between_tokens_is_the_same_for_a_text_without_spaces() -> None:
    text = "".join(sentences(100, "a", japanese=True))
    assert figures(heard([1.0, 1.0 + 199 * 0.03], text)).token_gap_p50 == pytest.approx(0.03)


def test_answers_that_come_in_one_piece_have_no_time_between_tokens_and_no_pauses() -> None:
    made = figures(heard([9.0, 9.001, 9.002]), heard([9.0]), heard([1.0, 4.0]))
    assert made.at_once_share == pytest.approx(2 / 3)
    assert all(map(math.isnan, (made.token_gap_p50, made.stalls_per_answer, made.longest_gap_p95)))
    assert made.first_p50 == 9.0


def test_a_few_answers_in_one_piece_do_not_make_the_others_look_better() -> None:
    made = figures(heard([9.0]), heard([1.0, 4.0, 4.5]), heard([1.0, 4.0, 4.5]))
    assert made.stalls_per_answer == 1.0
    assert made.longest_gap_p95 == 3.0
    assert made.token_gap_p50 == pytest.approx(3.5 / (4 * 1.35 - 1))


def test_where_no_answer_is_whole_there_are_no_pauses_to_tell_of() -> None:
    lost = Heard(0.0, "q", error="the stream was cut")
    made = figures(lost)
    assert (made.answers, made.failed, made.at_once_share) == (0, 1, 0.0)
    assert math.isnan(made.token_gap_p50)
