"""Where sentences end, and how words are counted."""

import pytest

from picegate.assembly.text import count_words, ends_sentence, sentences


@pytest.mark.parametrize(
    "text",
    [
        "It works.",
        "Does it?",
        "It does!",
        'He said "go."',
        "Wait…",
        "It is (mostly) done.)",
        "動きます。",
        "本当？",
        "So do I.",
    ],
)
def test_a_sentence_ends_here(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "fruit, e.g.",
        "see Dr.",
        "by J.",
        "Smith et al.",
        "It works",
        "1.",
        "text\n2.",
        "",
        "彼は「はい。",
        "動きます",
        "a,",
    ],
)
def test_no_sentence_ends_here(text: str) -> None:
    assert not ends_sentence(text)


def test_sentences_of_a_text() -> None:
    assert sentences("Take 3.5 g, e.g. salt. Dr. Mori agrees! Right") == [
        "Take 3.5 g, e.g. salt.",
        "Dr. Mori agrees!",
        "Right",
    ]
    assert sentences("動きます。本当？はい") == ["動きます。", "本当？", "はい"]
    assert sentences("- one\n- two\n") == ["- one", "- two"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one two, three.", 3),
        ("- a - b", 2),
        ("3x a week", 3),
        ("運動する", 2),
        ("運動", 1),
        ("週3回", 2),
        ("don't", 1),
    ],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words
