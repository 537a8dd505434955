"""Which language a question is in."""

import pytest

from picegate.sketch.scripts import Language, language_of, spaced


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What helps against stress?", Language.ENGLISH),
        ("Explain photosynthesis", Language.ENGLISH),
        ("Write a Python function that does `これ`", Language.ENGLISH),
        ("What does ありがとう mean?", Language.ENGLISH),
        ("How do I cook a paella?", Language.ENGLISH),
        ("ストレスにはどう対処すればいいですか", Language.JAPANESE),
        ("PythonのasyncioとthreadingとmultiprocessingをGILの観点で比較して", Language.JAPANESE),
        ("ｽﾄﾚｽとは", Language.JAPANESE),
        ("为什么天空是蓝色的？", Language.OTHER),
        ("量子力学入門", Language.OTHER),
        ("스트레스란 무엇인가요", Language.OTHER),
        ("¿Qué ayuda contra el estrés?", Language.OTHER),
        ("Was hilft gegen Stress?", Language.OTHER),
        ("Comment faire un gâteau ?", Language.OTHER),
        ("Что помогает от стресса?", Language.OTHER),
        ("12345", Language.OTHER),
        ("", Language.OTHER),
    ],
)
def test_the_language_of_a_question(text: str, language: Language) -> None:
    assert language_of(text) is language


def test_spaces_between_words_are_a_matter_of_the_script() -> None:
    assert spaced("two words")
    assert spaced("두 단어")
    assert spaced("")
    assert not spaced("二つの言葉")
    assert not spaced("为什么")
