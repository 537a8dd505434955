"""What a node writes, made into the passage that the reader gets: cleaned in front, checked, cut at its end."""

import re
from dataclasses import dataclass

from picegate.assembly.lead import Lead
from picegate.assembly.lead_rules import LABELS
from picegate.assembly.loops import PhraseWatch, SentenceWatch
from picegate.assembly.text import count_words, ends_sentence, sentences
from picegate.core.language import UNSPACED, Language, is_unspaced, latin_letters, unspaced_letters
from picegate.core.sketch import Point

ELLIPSIS = "…"  # closes a sentence that the reader has begun to read and that nobody will finish
_UNITS = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_SPACED_UNITS = re.compile(rf"(\s*)({_UNITS.pattern}|\Z)")  # each with the space before it
_RUN_ON = re.compile(rf"#{{1,6}}$|>>|[*_#]*(?:{LABELS}|Question|User|Human|Example|質問|メモ)(?:[*_]*[:：])")
# Farewells, and echoes of our own request (`sketch/wording.py`): from there on nothing belongs to the passage.
_SIGN_OFFS = (
    "Write one paragraph of",
    "Write another paragraph of",
    "Continue the answer with one",
    "一段落を書いてください",
    "段落をもう一つ、導入なしで",
    "Here is one paragraph",
    "Here is another paragraph",
    "Here is the paragraph",
    "I hope this helps",
    "I hope that helps",
    "(Word count",
    "Word count",
    "Let me know if you need any",
    "This paragraph",
)
_NO_SPACE_BEFORE = frozenset(",.;:!?)]}%…’”»")
_OVERRUN = 1.6  # times the budget: where a sentence past the budget is given up
_OVERRUN_WORDS = 40
_FOREIGN_LETTERS = {
    Language.JAPANESE: 60,
    Language.ENGLISH: 8,
}  # at the beginning, before any letter of the right script


@dataclass(slots=True)
class _Unit:
    """A word, or one character of an unspaced script, with the space before it."""

    text: str
    words: float
    ends: bool  # a sentence


class PassageFilter:
    """Fed with a node's text in any chunks; answers what may be shown of it, which always ends where a word ends.

    Up to the point's budget words go out as they come; from there on only whole sentences, and the first sentence that
    ends at or past the budget is the last.

    Args:
        shown: the beginning of this passage that the reader has already; the text fed goes on from there.
    """

    def __init__(self, point: Point, *, language: Language, shown: str = "") -> None:
        self._point = point
        self._language = language
        self._lead = Lead(point, shown)
        self._text = shown.rstrip()
        self._words = float(count_words(self._text))
        self._pending: list[_Unit] = []
        self._sentence = ""  # the current one, pending text included
        self._since = 0  # where in `_pending` it begins
        self._space = ""
        self._word = ""
        self._parting = True  # that sentence may become a farewell
        self._phrases = PhraseWatch()
        self._sentences = SentenceWatch()
        self._begun = False
        self._checking = not shown
        self._came = False
        self._wrote = False
        self._looped = False
        self._overran = False
        self._off_language = False
        self.weak: str | None = None
        self.broken_off = False
        self._recall()
        self.done = bool(self._text) and self._words >= point.words and ends_sentence(self._text)

    def feed(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text) and self._lead.open and not self.done:
            self._came = self._came or not text[at].isspace()
            for released in self._lead.feed(text[at]):
                self._run(released, out)
            if self._lead.refusal:
                self.done = True
            at += 1
        self._came = self._came or bool(text[at:].strip())
        for space, run in _SPACED_UNITS.findall(text, at):
            if self.done:
                break
            if space:
                self._close_word(out)
                self._space += space
            if run < UNSPACED[0]:  # nearly always
                self._word += run
            else:
                self._run(run, out)
        return "".join(out)

    def flush(self, finish_reason: str | None) -> str:
        """The node has ended, for OpenAI's `finish_reason`; None where it gave none. Sets `weak`."""
        out: list[str] = []
        if not self.done:
            for character in self._lead.flush():
                self._run(character, out)
        if not self.done:
            self._end(out, cut=finish_reason == "length")
        self.done = True
        self.weak = self._weakness()
        self.broken_off = self._looped or self._overran or finish_reason == "length"
        if self.broken_off and self.weak is None and not ends_sentence(self._text):
            self._show(ELLIPSIS, out)
        return "".join(out)

    @property
    def text(self) -> str:
        """The passage so far, what was shown before included."""
        return self._text

    def _recall(self) -> None:
        """Take up the watch where the text before left off."""
        for unit in _UNITS.findall(self._text):
            self._phrases.add(unit)
        said = sentences(self._text)
        if said and not ends_sentence(said[-1]):
            self._sentence = said.pop()
        for sentence in said:
            self._sentences.add(sentence)

    def _run(self, run: str, out: list[str]) -> None:
        """Spaces, or characters of one word, or a single character of an unspaced script."""
        if self.done:
            return
        if run.isspace():
            self._close_word(out)
            self._space += run
        elif is_unspaced(run):
            self._close_word(out)
            if not self.done:
                self._word = run
                self._close_word(out)
        else:
            self._word += run

    def _close_word(self, out: list[str]) -> None:
        word, self._word = self._word, ""
        if word and self._lead.quote:
            word = self._unquoted(word)
        if not word:
            return
        space, self._space = self._joint(word), ""
        self._begun = True
        if "\n" in space and self._close_line(word, out):
            return
        phrases = self._phrases
        phrases.add(word)
        text = space + word
        self._sentence += text
        words, ends = 1.0, False
        if not (word.isalnum() and word.isascii()):  # few words
            words = unspaced_letters(word) / 2 if is_unspaced(word[0]) else count_words(word)
            ends = not word[-1].isalnum() and ends_sentence(self._sentence)
        watched = self._parting or self._checking or phrases.suspects or phrases.repeated or not self._sentences.new
        if not (ends or watched or self._pending) and self._words < self._point.words:
            # Nearly every word: none before it waits, and nothing is looked for that it could be part of.
            self._show(text, out)
            self._words += words
            return
        self._pending.append(_Unit(text, words, ends))
        beginning = self._sentence.lstrip()
        if phrases.repeated:
            self._stop_loop(len(self._pending) - phrases.repeated, out)
        elif self._parting and beginning.startswith(_SIGN_OFFS):
            del self._pending[self._since :]  # the sentence at hand is the model's goodbye, not the passage's
            self._show_sentences(out)
            self.done = True
        elif ends:
            self._close_sentence(out)
            if not self.done:
                self._drain(out)
        elif not self._suspicious(beginning):
            self._drain(out)

    def _unquoted(self, word: str) -> str:
        """The word without the quote that closes the whole passage."""
        closing = self._lead.quote
        if closing and closing in word:
            at = word.rfind(closing)
            opening = {"”": "“", "」": "「", "』": "『", "»": "«"}.get(closing, closing)
            balance = (self._text + self._sentence).count(opening) - (self._text + self._sentence).count(closing)
            if opening != closing and balance > 0:
                return word
            if word.count(closing) == 1 and not (word.startswith(closing) and len(word) > 1):
                self._lead.quote = ""
                return word[:at] + word[at + 1 :]
        return word

    def _joint(self, word: str) -> str:
        """The space before a word: line breaks, or what keeps it apart from the text before."""
        if self._begun:
            if "\n" not in self._space:
                return self._space
            breaks = self._space.count("\n")
            return "\n\n" if breaks > 1 else "\n" + self._space.rpartition("\n")[2]
        if not self._text:
            return ""
        if "\n" in self._lead.space and ends_sentence(self._text):
            return "\n\n" if self._lead.space.count("\n") > 1 else "\n"
        tight = is_unspaced(self._text[-1]) or is_unspaced(word[0]) or word[0] in _NO_SPACE_BEFORE
        return "" if tight else " "

    def _close_line(self, word: str, out: list[str]) -> bool:
        """A line has ended, and with it its last sentence. True where the passage ends with it."""
        self._close_sentence(out)
        if self.done:
            return True
        if self._pending:
            self._pending[-1].ends = True
        over = self._words + sum(unit.words for unit in self._pending) >= self._point.words
        if over or _RUN_ON.match(word):
            for unit in self._pending:
                self._show(unit.text, out)
            self._pending.clear()
            self.done = True
        return self.done

    def _close_sentence(self, out: list[str]) -> None:
        sentence, self._sentence, self._parting = self._sentence, "", True
        if self._sentences.add(sentence):
            self._stop_loop(self._since, out)
        else:
            self._since = len(self._pending)

    def _suspicious(self, beginning: str) -> bool:
        """The words of the sentence at hand may be what the reader shall not see: hold them until it is known."""
        return (
            self._phrases.suspects
            or self._sentences.may_repeat(beginning)
            or (self._parting and self._parts(beginning))
            or (self._checking and self._foreign())
        )

    def _parts(self, beginning: str) -> bool:
        self._parting = any(sign_off.startswith(beginning) for sign_off in _SIGN_OFFS)
        return self._parting

    def _foreign(self) -> bool:
        """At the beginning: is this the language at all? Unknown until a letter of its script comes."""
        limit = _FOREIGN_LETTERS.get(self._language)
        if not self._checking or limit is None:
            return False
        japanese = self._language is Language.JAPANESE
        if japanese != bool(unspaced_letters(self._point.notes)):
            self._checking = False  # the notes themselves are in another script: a translation, a quotation
            return False
        held = "".join(unit.text for unit in self._pending)
        right, wrong = unspaced_letters(held), latin_letters(held)
        if not japanese:
            right, wrong = wrong, right
        self._checking = right == 0
        if self._checking and wrong >= limit:
            self._off_language = True
            self._pending.clear()
            self.done = True
        return self._checking

    def _drain(self, out: list[str]) -> None:
        """Show what may be shown of the pending words."""
        if self._checking and self._foreign():
            return
        while self._pending:
            if self._words < self._point.words:
                unit = self._pending.pop(0)
                self._since = max(0, self._since - 1)
                self._show(unit.text, out)
                self._words += unit.words
                if unit.ends and self._words >= self._point.words:
                    self._pending.clear()
                    self.done = True
                continue
            if any(unit.ends for unit in self._pending):
                self._show_sentences(out, most=1)
                self.done = True
            elif sum(unit.words for unit in self._pending) > self._point.words * (_OVERRUN - 1) + _OVERRUN_WORDS:
                self._pending.clear()
                self._overran = True
                self.done = True
            return

    def _show_sentences(self, out: list[str], *, most: int | None = None) -> None:
        """Show the whole sentences among the pending words, at most so many, and forget the rest."""
        ends = [position for position, unit in enumerate(self._pending, start=1) if unit.ends][:most]
        for unit in self._pending[: ends[-1] if ends else 0]:
            self._show(unit.text, out)
            self._words += unit.words
        self._pending.clear()

    def _stop_loop(self, since: int, out: list[str]) -> None:
        del self._pending[max(0, since) :]
        self._show_sentences(out)
        self._looped = True
        self.done = True

    def _end(self, out: list[str], *, cut: bool) -> None:
        """The text has ended; `cut`: in the middle, so that its last word and sentence are not whole."""
        if cut and not ends_sentence(self._word):
            self._word = ""
        self._close_word(out)
        if self.done:
            return
        self._close_sentence(out)
        if self.done or self._foreign():
            return
        if cut:
            self._show_sentences(out)
        for unit in self._pending:
            self._show(unit.text, out)
            self._words += unit.words

    def _show(self, text: str, out: list[str]) -> None:
        self._text += text
        self._wrote = True
        out.append(text)

    def _weakness(self) -> str | None:
        if self._off_language:
            return "off_language"
        if self._lead.refusal:
            return "refusal"
        if self._looped and self._words < self._point.words / 4:
            return "loop"
        if self._wrote or (self._text and ends_sentence(self._text)):
            return None
        return "echo" if self._lead.echo else "empty"
