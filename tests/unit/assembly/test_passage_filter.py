"""From a node's text to the reader's passage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.assembly.passage import ELLIPSIS, PassageFilter
from picegate.assembly.text import count_words, ends_sentence
from picegate.core.language import Language
from picegate.core.sketch import Point

POINT = Point(0, "Exercise: 30 min aerobic 3x a week lowers cortisol", 20)
UNDO = Point(0, "運動:週3回30分、コルチゾール低下", 20)
LONG = (
    "Running is good for body and mind, and everyone can do it on every day of the week without any cost at all. "
    "It lowers cortisol. It also helps you sleep."
)


def passage(
    text: str,
    finish_reason: str | None = "stop",
    *,
    point: Point = POINT,
    language: Language = Language.ENGLISH,
    shown: str = "",
    size: int = 0,
) -> tuple[str, str | None]:
    """The passage and why it is weak; the text fed in chunks of `size` (0: at once)."""
    made = PassageFilter(point, language=language, shown=shown)
    chunks = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    out = "".join(made.feed(chunk) for chunk in chunks)
    out += made.flush(finish_reason)
    return out, made.weak


def japanese(text: str, finish_reason: str = "stop", shown: str = "") -> tuple[str, str | None]:
    return passage(text, finish_reason, point=UNDO, language=Language.JAPANESE, shown=shown)


CLEAN = "Aerobic exercise lowers cortisol. Do it 3x a week."


@pytest.mark.parametrize(
    "text", [CLEAN, "Here is why it works: it does.", "Of the many ways, this is best.", '"Go," he said.']
)
def test_a_clean_passage_goes_through_as_it_is(text: str) -> None:
    assert passage(text) == (text, None)


@pytest.mark.parametrize(
    "lead",
    [
        "Sure! ",
        "Certainly! ",
        "Sure, here is the paragraph:\n\n",
        "Here's a paragraph of about 60 words based on the notes:\n",
        "Of course! Here is one paragraph for you.\n\n",
        "Hello! ",
        "Based on the notes, ",
        "Paragraph: ",
        "Paragraph 1: ",
        "**Answer:** ",
        "### Paragraph: ",
        "### Exercise\n",
        "# A heading\n\n",
        "**Exercise**\n\n",
        "**Exercise:** ",
        "Exercise: ",
        "Exercise\n",
        ">>60 ",
        ">>60+ ",
        "Notes: Exercise: 30 min aerobic 3x a week lowers cortisol\n",
        "Exercise: 30 min aerobic 3x a week lowers cortisol.\n\n",
        "30 min aerobic 3x a week lowers cortisol\n",
        "<think>They want 60 words.</think>\n\n",
        "\n\n  ",
        "Sure! Here is the paragraph:\n**Exercise**\n",
    ],
)
def test_what_stands_in_front_of_the_passage_is_cut(lead: str) -> None:
    assert passage(lead + CLEAN) == (CLEAN, None)


@pytest.mark.parametrize(
    "lead",
    [
        "はい、",
        "承知しました。",
        "以下は段落です。\n",
        "はい、以下の通りです：\n",
        "段落：",
        "【本文】",
        "メモ：運動:週3回30分、コルチゾール低下\n",
        "運動：",
        "## 運動\n",
    ],
)
def test_what_stands_in_front_of_a_japanese_passage_is_cut(lead: str) -> None:
    text = "有酸素運動は週3回、30分が目安です。"
    assert japanese(lead + text) == (text, None)


def test_a_word_that_only_looks_like_a_greeting_stays() -> None:
    for text in ("Sure enough, it works.", "Okay is not enough.", "Answers differ.", "Thanks to exercise, it falls."):
        assert passage(text) == (text, None)


def test_quotes_around_the_whole_passage_are_cut() -> None:
    text = "Aerobic exercise lowers cortisol, and it makes most people happier for days."
    assert passage(f'"{text}"') == (text, None)
    assert passage(f"“{text}”") == (text, None)
    assert passage('"Short one."') == ("Short one.", None)


def test_notes_that_begin_the_passage_in_running_text_stay() -> None:
    text = "30 min aerobic 3x a week lowers cortisol. It also helps you sleep."
    assert passage(text, point=Point(0, "30 min aerobic 3x a week lowers cortisol", 20)) == (text, None)
    assert passage(f"Exercise: {text}") == (text, None)


@pytest.mark.parametrize(
    "tail",
    [
        "\n\nNotes: Sleep: 7-9 h",
        "\n\nQuestion: What else?",
        "\n\n### Sleep\nSleep well.",
        "\n>>50 Sleep",
        "\n\n**Paragraph:** x",
        " I hope this helps!",
    ],
)
def test_the_passage_ends_where_something_else_begins(tail: str) -> None:
    assert passage(CLEAN + tail, point=Point(0, POINT.notes, 60)) == (CLEAN, None)


def test_past_the_budget_the_first_sentence_end_is_the_end() -> None:
    made = PassageFilter(POINT, language=Language.ENGLISH)
    assert made.feed(LONG) == LONG[: LONG.index(".") + 1]
    assert made.done
    assert made.feed(" More.") == ""
    assert made.flush("stop") == ""


def test_words_go_out_as_they_come_until_the_budget_and_then_by_sentence() -> None:
    made = PassageFilter(Point(0, "x notes", 3), language=Language.ENGLISH)
    assert [made.feed(text) for text in ("Walking ", "is ", "very ", "good ", "for ", "you. ", "And")] == [
        "Walking", " is", " very", "", "", " good for you.", "",
    ]  # fmt: skip


def test_no_word_is_shown_before_it_is_whole() -> None:
    made = PassageFilter(POINT, language=Language.ENGLISH)
    assert made.feed("Walk") == ""
    assert made.feed("ing") == ""
    assert made.feed(" ") == "Walking"


def test_japanese_goes_out_by_character() -> None:
    made = PassageFilter(UNDO, language=Language.JAPANESE)
    assert [made.feed(character) for character in "有酸素 運"] == ["有", "酸", "素", "", " 運"]


def test_a_cut_off_sentence_that_nobody_has_seen_is_dropped() -> None:
    text = "Exercise every day of the week for your own good, and for that of all the others around you, too. Then"
    assert passage(text + " there is", "length")[0] == text.removesuffix(" Then")


def test_a_cut_off_sentence_that_the_reader_has_begun_is_closed_with_an_ellipsis() -> None:
    assert passage("Exercise lowers the level of cort", "length") == ("Exercise lowers the level of" + ELLIPSIS, None)
    assert passage("Exercise lowers it.", "length") == ("Exercise lowers it.", None)


def test_a_sentence_that_does_not_end_is_given_up() -> None:
    text = ", ".join(f"word{n}" for n in range(300))
    out, weak = passage(text)
    assert weak is None
    assert count_words(out) == POINT.words
    assert out.endswith(ELLIPSIS)


@pytest.mark.parametrize("text", ["Running helps people. " * 9, "Running helps people.\n" * 9])
def test_a_repeated_sentence_is_shown_once(text: str) -> None:
    out, weak = passage(text, point=Point(0, "x", 12))
    assert out == "Running helps people."
    assert weak is None


def test_a_repeated_phrase_is_cut() -> None:
    out, _ = passage("It helps." + " and it makes you feel calm" * 20, point=Point(0, "x", 100))
    assert out.count("feel calm") == 1
    assert japanese("運動は体に良いことで、" + "とても大切なことで、" * 20)[0].count("大切") == 1


def test_a_loop_with_next_to_nothing_before_it_is_weak() -> None:
    assert passage("Stress is " + "the " * 50)[1] == "loop"


def test_style_is_no_loop() -> None:
    for text in (
        "Day by day, it gets better.",
        "It is very, very good.",
        "The more you run, the more you gain.",
        "ますます良くなります。",
    ):
        language = Language.ENGLISH if text.isascii() else Language.JAPANESE
        assert passage(text, point=POINT if text.isascii() else UNDO, language=language) == (text, None)


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("Sure! Here is the paragraph:", "empty"),
        (POINT.notes, "echo"),
        (f"Notes: {POINT.notes}.", "echo"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("As an AI language model, I have no body.", "refusal"),
        ("运动可以降低皮质醇水平，每周三次。", "off_language"),
    ],
)
def test_useless_text_is_not_shown_and_said_to_be_so(text: str, weak: str) -> None:
    assert passage(text) == ("", weak)


def test_the_wrong_language_is_noticed_before_it_is_shown() -> None:
    assert (
        japanese("Aerobic exercise three times a week lowers cortisol, which is good for your health.")[1]
        == "off_language"
    )
    assert japanese("Pythonは良い言語です。") == ("Pythonは良い言語です。", None)


def test_notes_in_another_script_excuse_it() -> None:
    point = Point(0, "Translate: 運動は大切です", 20)
    assert passage("運動は大切です。毎日続けましょう。", point=point) == ("運動は大切です。毎日続けましょう。", None)


@pytest.mark.parametrize(
    ("shown", "text", "added"),
    [
        ("The cat sat", "on the mat.", " on the mat."),
        ("The cat sat", " on the mat.", " on the mat."),
        ("The cat sat", ", then slept.", ", then slept."),
        ("The cat sat", "The cat sat on the mat.", " on the mat."),
        ("It was late. The cat sat", "The cat sat on the mat.", " on the mat."),
        ("The cat sat", "The cats sat.", " The cats sat."),
        ("The cat sat", "Sure! Here is the continuation: on the mat.", " on the mat."),
        ("One sentence.", "\n\nA new paragraph.", "\n\nA new paragraph."),
        ("The cat sat", "\non the mat.", " on the mat."),
    ],
)
def test_a_begun_passage_is_continued_and_not_repeated(shown: str, text: str, added: str) -> None:
    for size in (0, 1, 3):
        assert passage(text, shown=shown, size=size) == (added, None)


def test_a_begun_japanese_passage_is_continued_without_a_space() -> None:
    assert japanese("週3回が目安です。", shown="運動は") == ("週3回が目安です。", None)
    assert japanese("有酸素運動は週3回が目安です。", shown="朝が良い。有酸素運動は") == ("週3回が目安です。", None)


def test_what_was_shown_counts_for_the_budget() -> None:
    assert passage("It helps. It does.", shown="word " * 19 + "word")[0] == " It helps."
    finished = PassageFilter(POINT, language=Language.ENGLISH, shown="word " * 24 + "end.")
    assert finished.done
    assert finished.flush(None) == ""
    assert finished.weak is None


def test_nothing_new_for_an_unfinished_passage_is_weak() -> None:
    assert passage("", shown="The cat sat") == ("", "empty")
    assert passage("", shown="The cat sat.") == ("", None)


_PIECES = st.sampled_from(
    ["Sure! ", "Here is ", "the paragraph", ":", "\n", " ", ".", " word", "ing", '"', "**", "#", "Exercise", ", ",
     POINT.notes,
     "Running helps you.", " and again", "運動", "は", "。", "「", "」", "Notes:", ">>60 ", "3.5", "e.g.", "The cat",
     "<think>", "I hope"]
)  # fmt: skip


@given(
    st.lists(_PIECES, max_size=30).map("".join),
    st.sampled_from(["", "The cat", "It is. Running helps you.", "運動は"]),
    st.sampled_from(list(Language)),
    st.sampled_from(["stop", "length", None]),
    st.sampled_from([5, 20, 100]),
    st.data(),
)
def test_chunks_make_no_difference(
    text: str, shown: str, language: Language, finish: str | None, words: int, data: st.DataObject
) -> None:
    point = Point(0, POINT.notes, words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    made = PassageFilter(point, language=language, shown=shown)
    out = ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        out += made.feed(text[start:end])
        assert out == out.rstrip()
    out += made.flush(finish)
    assert (out, made.weak) == passage(text, finish, point=point, language=language, shown=shown)
    assert out == out.rstrip()
    assert made.done


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma.", "delta,", "run.", "mile?"]), min_size=1, max_size=120))
def test_a_passage_is_never_much_longer_than_its_budget(words: list[str]) -> None:
    out, _ = passage(" ".join([*words, "end."]))
    if count_words(out) > POINT.words:
        assert ends_sentence(out)
        before_last = out.rstrip(".?").replace("?", ".").rpartition(".")[0]
        assert count_words(before_last) < POINT.words
