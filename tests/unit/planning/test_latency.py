"""What legs show of a server's speed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.curve import DecodeRate, Rate, SpeedCurve
from picegate.core.plan import Pace
from picegate.planning.latency import EDGE_GUESS, MEMORY_S, PaceModel


def feed(
    model: PaceModel, step_s: float, slope_s: float, *, legs: int = 60, now: float = 0.0, noise: float = 0.0
) -> float:
    dice = random.Random(7)
    for _ in range(legs):
        now += 1.0
        batch = dice.randint(1, 8)
        token_s = (step_s + slope_s * (batch - 1)) * (1 + dice.uniform(-noise, noise))
        prompt = dice.randint(20, 800)
        model.learn(
            now,
            batch=batch,
            tokens=101,
            decode_s=100 * token_s,
            first_token_s=0.02 + prompt / 900,
            prompt_tokens=prompt,
        )
    return now


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_line_through_the_batches_is_found(noise: float) -> None:
    model = PaceModel(EDGE_GUESS)
    now = feed(model, 0.08, 0.01, noise=noise)
    pace = model.pace(now)
    assert pace.token_s(1) == pytest.approx(0.08, rel=0.1)
    assert pace.token_s(8) == pytest.approx(0.15, rel=0.1)
    assert pace.begin_s(500) == pytest.approx(0.02 + 500 / 900, rel=0.1)


def test_a_server_that_changes_is_followed() -> None:
    model = PaceModel(EDGE_GUESS)
    now = feed(model, 0.04, 0.003)
    now = feed(model, 0.12, 0.003, now=now + MEMORY_S)
    assert model.pace(now).token_s(1) == pytest.approx(0.12, rel=0.25)


def test_a_guess_is_as_doubtful_as_a_model_that_has_seen_nothing() -> None:
    assert EDGE_GUESS.doubt == pytest.approx(PaceModel(EDGE_GUESS).pace(0).doubt)


def test_silence_is_doubt() -> None:
    model = PaceModel(EDGE_GUESS)
    fresh = model.pace(0).doubt
    now = feed(model, 0.04, 0.003, noise=0.2)
    known = model.pace(now).doubt
    later = model.pace(now + 600).doubt
    assert known < later < fresh + 0.2
    assert known < 0.5 * fresh


def decode(sequences: int, tokens_per_s: float) -> DecodeRate:
    return DecodeRate(tokens_per_s, 0, "self_test", sequences=sequences)


def test_a_curve_that_the_server_tells_is_where_it_begins() -> None:
    curve = SpeedCurve(Rate(450, 0, "self_test"), (decode(1, 10.0), decode(4, 32.0), decode(8, 40.0)))
    pace = PaceModel(EDGE_GUESS, curve).pace(0)
    assert pace.token_s(1) == pytest.approx(0.1)
    assert pace.token_s(8) == pytest.approx(0.2)
    assert pace.prefill_s == pytest.approx(1 / 450)


def test_one_told_speed_keeps_the_shape_of_the_guess() -> None:
    pace = PaceModel(EDGE_GUESS, SpeedCurve(decode=(decode(1, 10.0),))).pace(0)
    assert pace.step_s == pytest.approx(0.1)
    assert pace.slope_s / pace.step_s == pytest.approx(EDGE_GUESS.slope_s / EDGE_GUESS.step_s)


def test_a_few_tokens_say_nothing_of_speed() -> None:
    model = PaceModel(EDGE_GUESS)
    model.learn(1.0, batch=1, tokens=2, decode_s=1e-6)
    assert model.pace(1.0).step_s == pytest.approx(EDGE_GUESS.step_s)


def seen(model: PaceModel, *firsts: tuple[int, float], times: int = 20) -> Pace:
    """The pace after so many legs of each pair: prompt tokens, seconds to the first token."""
    for number in range(times):
        for prompt_tokens, first_s in firsts:
            model.learn(
                float(number), batch=1, tokens=90, decode_s=3.6, first_token_s=first_s, prompt_tokens=prompt_tokens
            )
    return model.pace(float(times))


def test_times_to_the_first_token_tell_how_fast_prompts_are_read() -> None:
    pace = seen(PaceModel(EDGE_GUESS), (50, 0.2 + 50 / 60), (300, 0.2 + 300 / 60))
    assert pace.first_s == pytest.approx(0.2, abs=0.1)
    assert pace.prefill_s == pytest.approx(1 / 60, rel=0.1)


def test_a_queue_is_not_taken_for_slow_reading() -> None:
    pace = seen(PaceModel(EDGE_GUESS), (60, 1.5))
    assert pace.begin_s(60) == pytest.approx(1.5, rel=0.1)
    assert pace.begin_s(2000) < 1.5 + 2000 * 4 * EDGE_GUESS.prefill_s


def test_one_long_prompt_corrects_a_guess_of_slow_reading() -> None:
    model = PaceModel(EDGE_GUESS)
    seen(model, (60, 1.5))
    assert seen(model, (2400, 4.2), times=1).begin_s(2400) == pytest.approx(4.2, rel=0.1)


def test_a_told_speed_of_reading_is_believed_more_than_a_guess() -> None:
    told = SpeedCurve(Rate(1 / EDGE_GUESS.prefill_s, 0, "self_test"))
    late = (200, 2.0)
    assert seen(PaceModel(EDGE_GUESS, told), late).prefill_s < 1.2 * EDGE_GUESS.prefill_s
    assert seen(PaceModel(EDGE_GUESS), late).prefill_s > 1.2 * EDGE_GUESS.prefill_s


@given(
    st.lists(
        st.tuples(st.floats(1, 64), st.integers(0, 4000), st.floats(0, 500), st.floats(0, 60), st.integers(0, 10_000)),
        max_size=30,
    )
)
def test_a_pace_is_positive_and_never_faster_in_company(legs: list[tuple[float, int, float, float, int]]) -> None:
    model = PaceModel(EDGE_GUESS)
    for number, (batch, tokens, decode_s, first_s, prompt) in enumerate(legs):
        model.learn(
            float(number), batch=batch, tokens=tokens, decode_s=decode_s, first_token_s=first_s, prompt_tokens=prompt
        )
    pace = model.pace(100.0)
    assert pace.step_s > 0
    assert pace.token_s(1) <= pace.token_s(2) <= pace.token_s(16)
    assert pace.begin_s(0) <= pace.begin_s(1000)
    assert pace.doubt >= 0


def test_a_few_tokens_outweigh_what_a_node_says_of_itself() -> None:
    model = PaceModel(EDGE_GUESS, SpeedCurve(decode=(decode(1, 25.0),)))
    model.learn(1.0, batch=1, tokens=16, decode_s=15 * 0.4)  # ten times as slow
    assert model.pace(1.0).token_s(1) > 5 * 0.04
