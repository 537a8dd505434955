"""A small model that has begun to repeat itself, noticed while the repetition is still unwritten."""

from picegate.assembly.text import normal
from picegate.core.language import is_unspaced, unspaced_letters

_WORDS_BACK = 12  # the longest phrase watched
_CHARACTERS_BACK = 40  # the same, in an unspaced script, where every character is a unit


class PhraseWatch:
    """Fed with words (single characters of an unspaced script): does the text repeat the phrase right before it?

    Attributes:
        suspects: the last words may become a repetition.
        repeated: number of last words that are one; 0 while there is none.
    """

    def __init__(self) -> None:
        self._units: list[str] = []
        self._last: dict[str, int] = {}  # where each of them stands last
        self._runs: dict[int, int] = {}  # by distance: how many last units equal the unit so far back, where any do
        self.suspects = False
        self.repeated = 0

    def add(self, word: str) -> None:
        unit = normal(word)
        if not unit:
            return  # punctuation neither makes a repetition nor breaks one
        at, last = len(self._units), self._last.get(unit)
        self._units.append(unit)
        self._last[unit] = at
        back, least = (_CHARACTERS_BACK, 8) if is_unspaced(word[0]) else (_WORDS_BACK, 4)
        if last is None or at - last > back:  # nearly every word
            if self._runs:
                self._runs, self.suspects, self.repeated = {}, False, 0
            return
        runs, self._runs, self.suspects, self.repeated = self._runs, {}, False, 0
        for distance, other in enumerate(self._units[-2 : -back - 2 : -1], 1):  # the nearest first
            if other == unit:
                self._runs[distance] = run = runs.get(distance, 0) + 1
                self.suspects = self.suspects or run >= min(distance, least // 2 - 1)
                if run >= _enough(distance, least):
                    self.repeated = max(self.repeated, run)


def _enough(distance: int, least: int) -> int:
    """A second copy of a long phrase is enough; a short one ("day by day by day") needs a third, a word a fourth."""
    if distance >= least:
        return distance
    return 2 * distance if distance > 1 else least - 1


class SentenceWatch:
    """Sentences that the passage has said already.

    Attribute `new`: the sentence at hand begins as none before it.
    """

    _SHORTEST = 8  # letters, those of an unspaced script twice; "Why? ... Why?" is style

    def __init__(self) -> None:
        self._said: list[str] = []
        self.new = True

    def add(self, sentence: str) -> bool:
        """Take note of a sentence that has ended; whether it was said before."""
        said = normal(sentence)
        again = said in self._said
        if not again and len(said) + unspaced_letters(said) >= self._SHORTEST:
            self._said.append(said)
        self.new = not self._said
        return again

    def may_repeat(self, beginning: str) -> bool:
        """Whether the sentence at hand, as far as it goes (it only grows), begins as one of those before."""
        if self.new:
            return False
        so_far = normal(beginning)
        self.new = not any(said.startswith(so_far) for said in self._said)
        return not self.new
