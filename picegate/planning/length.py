"""How long an answer will be and how much of it can be delegated: learned from the gateway's own answers.

Three regressions over the features of a request, each with a sane prior, so that the first request is forecast as well
as a rule of thumb would: the logarithm of the length; whether a sketch delegates at all; and the share of delegated
text that depends on what stands before it.
"""

import re
from collections.abc import Mapping
from math import exp, log
from typing import Any

from picegate.core.chat import Ask
from picegate.core.plan import Forecast
from picegate.core.tokens import estimate_chat_tokens
from picegate.planning.features import NAMES, features
from picegate.planning.regression import Regression

VERSION = 1  # of the persisted state; another one is not read

TOKENS_PER_WORD = 1.35
_CHARACTERS_PER_TOKEN_JA = 1.0
SPREAD = 0.45  # of ln(length) within one kind of question (Vicuna-80, 13B answers: 0.2 to 0.7 by category)
_SAID_SPREAD = 0.2  # where the question names a length
_SHORTEST, _LONGEST = 4, 16_000

# Vicuna-80, 13B answers: 250 words (about 340 tokens) at the median, 1.35 tokens a word; per kind from 180 (common
# sense, knowledge) to 400 words (writing). Facts, greetings and "in one sentence" are what people's rules of thumb say.
_LENGTH: Mapping[str, float] = {
    "typical": log(300.0),
    "question": 0.08,
    "brief": -1.75,
    "detail": 0.65,
    "list": 0.1,
    "explain": 0.1,
    "story": 0.25,
    "code": -0.05,
    "maths": -0.6,
    "reasoning": -0.1,
    "transform": -0.4,
    "lookup": -1.6,
    "small_talk": -2.3,
    "yes_no": -0.25,
}
# People called 46 % of Vicuna-80 fit for independent points: generic, knowledge, common sense, counterfactual; nearly
# no code, maths or estimates. A story is one passage that depends on its opening, so it can be delegated, too.
_DELEGABLE: Mapping[str, float] = {
    "typical": 0.8,
    "list": 0.1,
    "explain": 0.05,
    "detail": 0.05,
    "code": -0.85,
    "maths": -0.85,
    "reasoning": -0.45,
    "transform": -0.4,
    "lookup": -0.6,
    "small_talk": -0.8,
    "brief": -0.6,
    "digits": -0.2,
}
_CHAINED: Mapping[str, float] = {"typical": 0.1, "story": 0.8, "role": 0.7, "list": -0.1}

_HARD = ("code", "maths", "reasoning")

_DIGIT = re.compile(r"\d")
_NUMBER = r"(\d{1,3}(?:[,，]\d{3}){1,3}|\d{1,5})"
_WORDS_SAID = re.compile(
    rf"\b(in|within|under|than|exactly|most|about|of)?\s*\b{_NUMBER}(?:[- ]|\s*(?:to|-)\s*\d+\s*)?words?\b"
    r"(\s+(?:of|from)\b)?",
    re.IGNORECASE,
)
_CHARACTERS_SAID = re.compile(rf"(?<![\d,，]){_NUMBER}\s*(?:文)?字")
_FEW = 20  # "these 2 words" name no length, nor do "3000 words of Spanish"; "in 2 words" do


class LengthModel:
    def __init__(self) -> None:
        self._length = Regression(_prior(_LENGTH), doubt=0.2, noise=SPREAD, doubts={"typical": 0.5})
        self._delegable = Regression(_prior(_DELEGABLE), doubt=0.2, noise=0.3)
        self._chained = Regression(_prior(_CHAINED), doubt=0.2, noise=0.3)

    def forecast(self, ask: Ask) -> Forecast:
        """From the request alone; the client's own bound is a ceiling."""
        prompt_tokens = estimate_chat_tokens([message.text for message in ask.messages])
        x = features(ask, prompt_tokens)
        belief, moved = self._length.predict(x), self._length.parts(x)
        del moved["typical"]
        tokens, spread = exp(belief.mean), belief.spread
        said = said_tokens(ask.question)
        if said is not None:
            tokens, spread, moved = said, _SAID_SPREAD, {"length named": log(said) - belief.mean}
        tokens = min(max(tokens, _SHORTEST), _LONGEST)
        if ask.max_tokens is not None:
            tokens = min(tokens, ask.max_tokens)
        # Where little is known, hope: a sketch that delegates nothing is the direct answer, so trying costs no tokens.
        delegable = self._delegable.predict(x)
        return Forecast(
            prompt_tokens=prompt_tokens,
            answer_tokens=round(tokens),
            spread=spread,
            ceiling=ask.max_tokens,
            delegable=_share(delegable.mean + 0.5 * delegable.doubt),
            chained=_share(self._chained.mean(x)),
            hard=max(x.get(name, 0.0) for name in _HARD),
            moved=moved,
            features=x,
            said=said is not None,
        )

    def learn(self, of: Forecast, tokens: int) -> None:
        """An answer that ended by itself had so many tokens; `of` is what had been forecast of it."""
        if tokens > 0 and not of.said:
            self._length.learn(of.features, log(tokens))

    def learn_sketch(self, of: Forecast, *, delegated: bool, chained: float | None) -> None:
        """A sketch has ended. `chained`: the share of its delegated words in dependent points; None without points."""
        x = of.features
        self._delegable.learn(x, float(delegated))
        if chained is not None:
            self._chained.learn(x, chained)

    @property
    def seen(self) -> int:
        """Answers learned from."""
        return self._length.seen

    def as_data(self) -> dict[str, Any]:
        parts = {"length": self._length, "delegable": self._delegable, "chained": self._chained}
        return {"version": VERSION} | {name: part.as_data() for name, part in parts.items()}

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> "LengthModel":
        """Go on from `as_data`; from the priors where there is none, or it is another version's or broken."""
        model = cls()
        if data is None or data.get("version") != VERSION:
            return model
        try:
            model._length.restore(data["length"])
            model._delegable.restore(data["delegable"])
            model._chained.restore(data["chained"])
        except (KeyError, TypeError, ValueError):
            return cls()
        return model


def said_tokens(question: str) -> float | None:
    """The length that a question names: "in 400 words", "800字で"."""
    if not _DIGIT.search(question):
        return None
    if (found := _WORDS_SAID.search(question)) and (found[1] or (_number(found[2]) >= _FEW and not found[3])):
        return _number(found[2]) * TOKENS_PER_WORD
    if (found := _CHARACTERS_SAID.search(question)) and _number(found[1]) >= _FEW:
        return _number(found[1]) * _CHARACTERS_PER_TOKEN_JA
    return None


def _number(text: str) -> int:
    return max(int(re.sub("[,，]", "", text)), 1)


def _prior(known: Mapping[str, float]) -> dict[str, float]:
    return {name: known.get(name, 0.0) for name in NAMES}


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
