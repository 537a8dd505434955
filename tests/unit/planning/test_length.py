"""The forecast of lengths: sane at the start, better with every answer, and never lost."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.chat import Ask, Message
from picegate.core.plan import Forecast
from picegate.planning.features import NAMES, features
from picegate.planning.length import LengthModel

LISTS = ("What are the main causes of stress?", "How can I sleep better?", "Why do people travel?")
FACTS = ("What is the capital of Peru?", "Who wrote Dune?", "When was Bach born?")
STORIES = ("Write a story about a lighthouse", "Compose a poem about rain")


def ask(question: str, **fields: object) -> Ask:
    return Ask("r", "pice", (Message("user", question),), {}, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "cue"),
    [
        ("Explain gravity in one sentence.", "brief"),
        ("重力とは何ですか。一言で。", "brief"),
        ("ストレスを減らす方法を詳しく教えてください。", "detail"),
        ("List ten tips for better sleep", "list"),
        ("よく眠るコツを挙げてください", "list"),
        ("Write a story about a fox", "story"),
        ("狐の物語を書いて", "story"),
        ("```python\nprint(1)\n``` what is wrong?", "code"),
        ("このコードを直して", "code"),
        ("What does def f(x): return x + 1 do?", "code"),
        ("Why is this slow?\nimport numpy as np\nnp.dot(a, b)", "code"),
        ("Was ist 3 * 4?", "maths"),
        ("¿Cuánto es 12 + 30?", "maths"),
        ("次の方程式を解いて", "maths"),
        ("こんにちは", "small_talk"),
        ("Translate this into French", "transform"),
        ("Hallo!", "small_talk"),
        ("Gracias", "small_talk"),
        ("你好！", "small_talk"),
    ],
)
def test_what_is_asked_for_is_found_in_every_language_that_we_know(question: str, cue: str) -> None:
    assert features(ask(question), prompt_tokens=20)[cue] == 1.0


def test_goods_that_are_imported_are_no_code() -> None:
    assert "code" not in features(ask("Which countries import coffee, and what do they import from Peru?"), 20)


def test_every_feature_has_a_name_and_none_is_zero() -> None:
    for question in (*LISTS, *FACTS, *STORIES, "", "?" * 9000, "🙂", "日本語"):
        found = features(ask(question), prompt_tokens=20)
        assert set(found) <= set(NAMES)
        assert all(found.values())
        assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize(
    ("question", "tokens"),
    [
        ("Write a 1,000-word essay on rivers", 1350),
        ("Write 400 to 600 words on bees", 540),
        ("Describe the sea in 10 words", 14),
        ("日本の歴史について1,000字で説明してください", 1000),
        ("８００字以内で", 800),
    ],
)
def test_a_length_that_is_named_is_the_forecast(question: str, tokens: int) -> None:
    expected = LengthModel().forecast(ask(question))
    assert (expected.answer_tokens, expected.said) == (tokens, True)


@pytest.mark.parametrize(
    "question",
    ["How do these 2 words differ?", "I know 3000 words of Spanish", "この四字熟語と3字の略語は", "00字", "12345678字"],
)
def test_a_number_of_words_is_not_always_a_length(question: str) -> None:
    assert not LengthModel().forecast(ask(question)).said


@given(st.lists(st.sampled_from(["0", "1", "9", ",", "，", "-", " ", "to", "in", "of", "word", "words", "字", "文字"])))
def test_no_number_whatever_breaks_a_forecast(parts: list[str]) -> None:
    assert LengthModel().forecast(ask("".join(parts))).answer_tokens > 0


def test_priors_are_sane() -> None:
    model = LengthModel()
    by_kind = [max(model.forecast(ask(q)).answer_tokens for q in kind) for kind in (FACTS, LISTS, STORIES)]
    assert by_kind == sorted(by_kind)
    assert by_kind[0] < 120
    assert 200 < by_kind[1] < 500
    assert model.forecast(ask(LISTS[0])).delegable > 0.7
    assert model.forecast(ask("Write a Python function that sorts a list")).delegable < 0.3
    assert model.forecast(ask(STORIES[0])).chained > 0.7
    assert model.forecast(ask("Solve x + 3 = 7")).hard == 1.0


def test_a_length_that_is_named_is_believed() -> None:
    model = LengthModel()
    assert model.forecast(ask("Write 400 words on bees")).answer_tokens == 540
    assert model.forecast(ask("Write 400 words on bees", max_tokens=100)).answer_tokens == 100
    assert model.forecast(ask("蜂について800字で書いて")).answer_tokens == 800


def test_quantiles_rise_and_keep_the_clients_bound() -> None:
    spread = Forecast(10, 300, spread=0.5, ceiling=400)
    shares = (0.05, 0.1, 0.5, 0.9, 0.95)
    found = [spread.quantile(share) for share in shares]
    assert found == sorted(found)
    assert found[2] == 300
    assert found[-1] == 400
    assert spread.mean_tokens > 300


def traffic(seed: int, count: int) -> list[tuple[Ask, int]]:
    """Lists of 500 tokens, facts of 20 and stories of 900, each log-normal: a site that is not as the priors say."""
    dice = random.Random(seed)
    kinds = ((LISTS, 500, 0.3), (FACTS, 20, 0.5), (STORIES, 900, 0.3))
    drawn = [dice.choice(kinds) for _ in range(count)]
    return [
        (ask(dice.choice(questions)), round(dice.lognormvariate(math.log(typical), spread)))
        for questions, typical, spread in drawn
    ]


def pinball(quantile: float, share: float, seen: float) -> float:
    return max(share * (seen - quantile), (share - 1) * (seen - quantile))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_learning_beats_the_priors_and_every_constant_on_held_back_answers(seed: int) -> None:
    model, fresh = LengthModel(), LengthModel()
    known, held = traffic(seed, 200), traffic(seed + 100, 100)
    for request, tokens in known:
        model.learn(model.forecast(request), tokens)
    lengths = sorted(tokens for _, tokens in known)
    losses = {"learnt": 0.0, "prior": 0.0, "constant": 0.0}
    held_by_p90 = 0
    for request, tokens in held:
        for share in (0.5, 0.9):
            losses["learnt"] += pinball(model.forecast(request).quantile(share), share, tokens)
            losses["prior"] += pinball(fresh.forecast(request).quantile(share), share, tokens)
            losses["constant"] += pinball(lengths[int(share * len(lengths))], share, tokens)
        held_by_p90 += tokens <= model.forecast(request).quantile(0.9)
    assert losses["learnt"] < 0.7 * min(losses["prior"], losses["constant"])
    assert 80 <= held_by_p90 <= 99


def test_what_delegates_and_what_hangs_together_is_learnt() -> None:
    model = LengthModel()
    for _ in range(40):
        model.learn_sketch(model.forecast(ask(LISTS[0])), delegated=False, chained=None)
        model.learn_sketch(model.forecast(ask(STORIES[0])), delegated=True, chained=0.0)
    assert model.forecast(ask(LISTS[0])).delegable < 0.35
    assert model.forecast(ask(STORIES[0])).chained < 0.3


def test_one_freak_answer_is_no_trend() -> None:
    model = LengthModel()
    before = model.forecast(ask(LISTS[0])).answer_tokens
    model.learn(model.forecast(ask(LISTS[0])), 1_000_000)
    assert model.forecast(ask(LISTS[0])).answer_tokens < 5 * before


def test_what_was_learnt_survives_a_restart() -> None:
    model = LengthModel()
    for request, tokens in traffic(1, 50):
        model.learn(model.forecast(request), tokens)
    again = LengthModel.of(json.loads(json.dumps(model.as_data())))
    for question in (*LISTS, *FACTS, *STORIES):
        assert again.forecast(ask(question)) == model.forecast(ask(question))
    assert again.seen == model.seen == 50


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"version": 99},
        {"version": 1},
        {"version": 1, "length": {"names": ["other"]}},
        {"version": 1, "length": None, "delegable": [], "chained": "x"},
    ],
)
def test_a_memory_that_is_not_understood_means_the_priors(data: dict[str, object] | None) -> None:
    assert LengthModel.of(data).forecast(ask(LISTS[0])) == LengthModel().forecast(ask(LISTS[0]))


def test_a_broken_number_in_the_memory_means_the_priors() -> None:
    data = LengthModel().as_data()
    data["length"]["weights"][0] = float("nan")
    assert LengthModel.of(data).forecast(ask(LISTS[0])) == LengthModel().forecast(ask(LISTS[0]))


def test_a_forecast_says_what_it_comes_from() -> None:
    because = LengthModel().forecast(ask("Explain gravity in one sentence.")).because
    assert because["brief"] < 0.5
