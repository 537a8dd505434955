"""What the benchmark asks: prompts of one shape, and no beginning seen twice."""

import random

from edge_agent.bench import texts


def test_points_of_one_answer_share_their_prefix_and_differ_in_their_suffix() -> None:
    asks = texts.points(8, 64, "Amber 12345")
    assert len({ask.prefix for ask in asks}) == 1
    assert len({ask.suffix for ask in asks}) == 8
    assert all(ask.at_s == 0 and ask.max_tokens == 64 for ask in asks)


def test_another_mark_leaves_no_common_beginning() -> None:
    first, second = texts.prefix(0, "Amber 12345"), texts.prefix(0, "Delta 54321")
    assert first[0] != second[0]
    assert first.partition(". ")[2] == second.partition(". ")[2]


def test_every_topic_fills_about_four_hundred_tokens() -> None:
    for topic in range(len(texts.TOPICS)):
        assert 1_600 < len(texts.prefix(topic, texts.mark(random.Random(topic)))) < 1_900  # four characters each


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert texts.arrivals(7, 20, 0.5, 4, 20, 200) == texts.arrivals(7, 20, 0.5, 4, 20, 200)
    assert texts.arrivals(7, 20, 0.5, 4, 20, 200) != texts.arrivals(8, 20, 0.5, 4, 20, 200)


def test_arrivals_come_in_order_at_the_asked_rate_and_length() -> None:
    asks = texts.arrivals(1, 2_000, 0.5, 4, 20, 200)
    times = [ask.at_s for ask in asks]
    assert times == sorted(times)
    assert 0.46 < times[-1] / len(asks) < 0.54
    assert min(ask.max_tokens for ask in asks) >= 20
    assert 190 < max(ask.max_tokens for ask in asks) <= 200
    assert len({ask.prefix for ask in asks}) == 4


def test_fifty_questions_are_fifty_different_ones() -> None:
    asks = texts.questions(50, 4, 20)
    assert len({ask.suffix for ask in asks}) == 50
    assert "What is a lighthouse?" in {ask.suffix for ask in asks}
    assert {ask.prefix for ask in texts.spaced(asks, "Amber 12345")} == {f"Amber 12345. {texts.SHORT}"}
