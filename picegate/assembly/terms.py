"""Key terms of a text, for finding out whether two texts are about the same.

Of spaced scripts: words that are no function words, cut to five letters (truncation does about as well as a stemmer
for retrieval: Can et al., "Information Retrieval on Turkish Texts", JASIST 2008). Of unspaced scripts: pairs of
neighbouring ideographs and katakana, the usual index of CJK search engines (Lucene's CJKAnalyzer); hiragana is grammar.
"""

import re
import unicodedata

from picegate.core.language import is_unspaced

_STEM = 5  # letters
_LEAST = 3
_WORD = re.compile(rf"[^\W\d_]{{{_LEAST},}}")
_RUN = re.compile(r"[㐀-䶿一-鿿豈-﫿々]+|[ァ-ヺー]{2,}")
# ASCII needs no search: with blanks for all else, it is split into words and units at the spaces.
_LETTERS = bytes(code if chr(code).isalpha() else 32 for code in range(128)).ljust(256)
_UNIT_LETTERS = bytes(code if chr(code).isalnum() or chr(code) == "_" else 32 for code in range(128)).ljust(256)
_UNIT = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|(?=\w)[\u3040-\u30ff\u3400-\u9fff]")
_FUNCTION_WORDS = (
    "about above after again all also and any are because been before being both but can could did does doing down "
    "each few for from had has have having here him his how into its itself just may more most much must nor not now "
    "off once only other our out over own per same she should some such than that the their them then there these "
    "they this those through too under until upon very was were what when where which while who whom why will with "
    "would you your yours one two three make makes made use uses used get gets let take takes"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


def terms(text: str) -> set[str]:
    if text.isascii():
        words = _split(text, _LETTERS)
        return {word[:_STEM] for word in words if len(word) >= _LEAST and word not in _FUNCTION}
    text = unicodedata.normalize("NFKC", text)
    folded = (word.casefold() for word in _WORD.findall(text) if not is_unspaced(word[0]))
    found = {word[:_STEM] for word in folded if word not in _FUNCTION}
    for run in _RUN.findall(text):
        found |= {run[at : at + 2] for at in range(max(1, len(run) - 1))}
    return found


class Units:
    """The words of a text, single characters of an unspaced script; punctuation is left out."""

    def __init__(self, text: str) -> None:
        self._units: list[str]
        self._dense = False
        if text.isascii():
            self._units = _split(text, _UNIT_LETTERS)
        else:
            self._units = _UNIT.findall(unicodedata.normalize("NFKC", text).casefold())
            dense = sum(len(unit) == 1 and is_unspaced(unit) for unit in self._units)
            self._dense = dense * 2 > len(self._units)

    def grams(self, size: int) -> list[tuple[str, ...]]:
        """Runs of so many words; in an unspaced script, of twice as many characters."""
        width = 2 * size if self._dense else size
        return list(zip(*(self._units[at:] for at in range(width)), strict=False))


def _split(text: str, kept: bytes) -> list[str]:
    """The pieces of ASCII between characters that are a blank in `kept`, case folded."""
    return text.casefold().encode().translate(kept).decode().split()
