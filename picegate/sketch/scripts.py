"""In which language a question is asked, as far as our own texts need to know."""

import re
from collections.abc import Sequence

from picegate.core.language import Language, latin_letters, spaced, unspaced_letters

__all__ = ["Language", "language_of", "spaced"]

_KANA = re.compile(r"[ぁ-ゖァ-ヺｦ-ﾟ]")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ASCII_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")  # the same in lower case, at half the time

# Function words; those that English shares with a neighbour ("was", "me") are not among the neighbours'.
_ENGLISH_WORDS = (
    "a about an and are as at be between by can could describe did do does explain for from give has have help "
    "how i if in into is it its list make me my not of on or our please should some summarize tell than that "
    "the their them there these they this to us we what when where which who why will with would write you your"
)
_NEIGHBOURS_WORDS = (
    "aber als att auch auf aus avec bei comment como con cuando dans das de del della den der des die donde du "
    "e een ein eine el elle en es est et für gli het hvad hvordan il ist je la las le les los mais mit modo "
    "nach nel nicht niet nous não o och où para pas perché pero por pour pourquoi qual quando que quel quelle "
    "qui qué sind sobre som sont su sur um uma una und une uno van voor vous wer wie y zu zum zur är"
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_NEIGHBOURS = frozenset(_NEIGHBOURS_WORDS.split())


def language_of(text: str) -> Language:
    """The language of a question.

    Kana means Japanese, unless they are a quotation in an English sentence. Ideographs alone may be Chinese, so they
    are OTHER. Latin letters are English where its function words outnumber those of its neighbours.
    """
    bare = _CODE.sub(" ", text) if "`" in text or "://" in text else text
    if bare.isascii():  # nothing in it but Latin letters
        words = _ASCII_WORDS.findall(bare.lower())
        return Language.ENGLISH if _is_english(words) else Language.OTHER
    words = [word.lower() for word in _WORDS.findall(bare)]
    unspaced, latin = unspaced_letters(bare), latin_letters(bare)
    if _KANA.search(bare) and not (_english(words) >= 2 and latin > unspaced):
        return Language.JAPANESE
    letters = sum(map(str.isalpha, bare))
    mostly_latin = latin * 2 > letters
    return Language.ENGLISH if mostly_latin and _is_english(words) else Language.OTHER


def _english(words: Sequence[str]) -> int:
    return sum(map(_ENGLISH.__contains__, words))


def _is_english(words: Sequence[str]) -> bool:
    return _english(words) > sum(map(_NEIGHBOURS.__contains__, words))
