"""Key terms of a text, for finding out whether two texts are about the same.

Of spaced scripts: words that are no function words, cut to five letters (truncation does about as well as a stemmer
for retrieval: Can et al., "Information Retrieval on Turkish Texts", JASIST 2008). Of unspaced scripts: pairs of
neighbouring ideographs and katakana, the usual index of CJK search engines (Lucene's CJKAnalyzer); hiragana is grammar.
"""

import re
import unicodedata

from picegate.core.language import is_unspaced

_STEM = 5  # letters
_WORD = re.compile(r"[^\W\d_]{3,}")
_RUN = re.compile(r"[㐀-䶿一-鿿豈-﫿々]+|[ァ-ヺー]{2,}")
_UNIT = re.compile(r"[^\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]")
_FUNCTION_WORDS = (
    "about above after again all also and any are because been before being both but can could did does doing down "
    "each few for from had has have having here him his how into its itself just may more most much must nor not now "
    "off once only other our out over own per same she should some such than that the their them then there these "
    "they this those through too under until upon very was were what when where which while who whom why will with "
    "would you your yours one two three make makes made use uses used get gets let take takes"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


def terms(text: str) -> set[str]:
    text = unicodedata.normalize("NFKC", text)
    found = {
        word[:_STEM]
        for word in (match.group().casefold() for match in _WORD.finditer(text) if not is_unspaced(match.group()[0]))
        if word not in _FUNCTION
    }
    for run in _RUN.findall(text):
        found |= {run[at : at + 2] for at in range(max(1, len(run) - 1))}
    return found


def grams(text: str, size: int) -> list[str]:
    """Runs of so many words; in an unspaced script, of twice as many characters. Punctuation is left out."""
    units: list[str] = []
    for piece in re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()):
        units += _UNIT.findall(piece)
    dense = sum(len(unit) == 1 and is_unspaced(unit) for unit in units) * 2 > len(units)
    width = 2 * size if dense else size
    return [" ".join(units[at : at + width]) for at in range(len(units) - width + 1)]
