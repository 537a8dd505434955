"""Who is good at what: per model and kind of question, how often its passages are sound and how often they win.

Counts of successes with a Beta prior, in three levels: what a model shows in the other language is the prior of what it
shows in this one, what it shows in other topics the prior of this topic. So a kind that was never seen is taken for
what the model is elsewhere, with more doubt, and every passage counts once. Old counts fade, so that a model which got
better under the same name is found out, and one that was given up is tried again.

Decisions use the upper end of a belief (`Trust.hope`): optimism where little is known, as in upper confidence bounds
(Auer et al., 2002; with Beta posteriors: Kaufmann et al., 2012), and without dice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from math import isfinite, sqrt
from typing import Any

from picegate.core.value import value
from picegate.planning.kinds import Kind, named

VERSION = 1
MOST_MODELS = 64  # the one that wrote longest ago is dropped: names come from outside
HALF_LIFE_S = 3 * 86_400.0  # of a count; a weekend without work forgets little
_MOST_PASSAGES = 300.0  # per kind: what is more makes room for the new
_FADE_S = 60.0  # counts are made to fade this often
_GONE = 0.05  # passages; below it a kind is forgotten
_LONGEST_NAME = 128

PRIOR_MEAN = 0.75  # of passages that are sound, where nothing is known
STRENGTH = 6.0  # passages that a level's prior counts as
_EVEN = 0.5  # of contests between equals
_CONTESTS = 0.5  # a model that loses every contest is trusted as one of which every fourth passage more is weak
_OPTIMISM = 2.0  # standard deviations: nobody is given up for one weak passage or two


@value
class Trust:
    """Probability that a model's next passage of a kind stands as it is: mean and standard deviation."""

    mean: float
    doubt: float

    @property
    def hope(self) -> float:
        """What decisions go by, 0..1."""
        return min(self.mean + _OPTIMISM * self.doubt, 1.0)


@dataclass(slots=True)
class Count:
    """`sound` of `passages`, `won` of `contests`; all of them fade."""

    passages: float = 0.0
    sound: float = 0.0
    contests: float = 0.0
    won: float = 0.0

    def fade(self, share: float) -> None:
        self.passages *= share
        self.sound *= share
        self.contests *= share
        self.won *= share


@dataclass(slots=True)
class Skill:
    """Of all models. `now` is monotonic seconds in every method; time in which no gateway runs makes nothing fade."""

    at: float = 0.0
    _models: dict[str, dict[Kind, Count]] = field(default_factory=dict)  # the one that wrote last stands last

    def judge(self, now: float, model: str, kind: Kind, *, sound: bool) -> None:
        """A passage was looked at."""
        count = self._of(now, model, kind)
        if count.passages >= _MOST_PASSAGES:
            count.fade(_MOST_PASSAGES / (count.passages + 1.0))
        count.passages += 1.0
        count.sound += sound

    def contest(self, now: float, model: str, rival: str, kind: Kind, share: float) -> None:
        """Two models wrote one point; `share` (0..1) of the win goes to `model`, the rest to `rival`."""
        for name, won in ((model, share), (rival, 1.0 - share)):
            count = self._of(now, name, kind)
            count.contests += 1.0
            count.won += won

    def trust(self, model: str, kind: Kind) -> Trust:
        """Of a model never seen: the prior, with so much doubt that it is tried."""
        levels = Count(), Count(), Count()
        for other, count in self._models.get(_key(model), {}).items():
            level = levels[0 if other.japanese != kind.japanese else 1 if other.topic is not kind.topic else 2]
            _add(level, count)
        return _trust(levels)

    def overall(self, model: str) -> Trust:
        """Over all that it was asked, in the mix in which it was asked."""
        return _trust((self.total(model),))

    def total(self, model: str) -> Count:
        total = Count()
        for count in self._models.get(_key(model), {}).values():
            _add(total, count)
        return total

    def kinds(self, model: str) -> Mapping[Kind, Count]:
        """What it was judged by; empty for a model never seen."""
        return self._models.get(_key(model), {})

    def weak(self, models: Iterable[str], kind: Kind) -> dict[str, float]:
        """By how much more than the best of `models` each of them is feared to write a weak passage, 0..1.

        Only those of which more than 0.00 is feared, so it is empty for a fleet with one model. Rounded, so that
        requests of one kind wish alike.
        """
        hopes = {model: self.trust(model, kind).hope if _key(model) in self._models else 1.0 for model in models}
        best = max(hopes.values(), default=1.0)
        feared = {model: round(best - hope, 2) for model, hope in hopes.items()}
        return {model: weak for model, weak in sorted(feared.items()) if weak > 0}

    def as_data(self) -> dict[str, Any]:
        """Models in the order in which they wrote."""
        models = [
            [model, {str(kind): [round(value, 3) for value in astuple(count)] for kind, count in kinds.items()}]
            for model, kinds in self._models.items()
        ]
        return {"version": VERSION, "models": models}

    @classmethod
    def of(cls, data: Mapping[str, Any] | None, now: float) -> "Skill":
        """Go on from `as_data`; from the prior where there is none, or it is another version's or broken."""
        if data is None or data.get("version") != VERSION:
            return cls(now)
        try:
            models = {
                _key(model): {named(name): _count(values) for name, values in kinds.items()}
                for model, kinds in data["models"][-MOST_MODELS:]
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls(now)
        return cls(now, models)

    def _of(self, now: float, model: str, kind: Kind) -> Count:
        """The count to add to. Its model becomes the one that wrote last."""
        if now - self.at >= _FADE_S:
            self._fade(0.5 ** ((now - self.at) / HALF_LIFE_S))
            self.at = now
        kinds = self._models.pop(_key(model), {})
        if len(self._models) >= MOST_MODELS:
            del self._models[next(iter(self._models))]
        self._models[_key(model)] = kinds
        return kinds.setdefault(kind, Count())

    def _fade(self, share: float) -> None:
        for model, kinds in tuple(self._models.items()):
            for kind, count in tuple(kinds.items()):
                count.fade(share)
                if max(count.passages, count.contests) < _GONE:
                    del kinds[kind]
            if not kinds:
                del self._models[model]


def _trust(levels: Iterable[Count]) -> Trust:
    """`levels`: the widest first, none counting what another one counts."""
    levels = tuple(levels)
    mean, variance = _believed(((level.sound, level.passages) for level in levels), PRIOR_MEAN)
    won, _ = _believed(((level.won, level.contests) for level in levels), _EVEN)
    return Trust(min(max(mean + _CONTESTS * (won - _EVEN), 0.0), 1.0), sqrt(variance))


def _believed(levels: Iterator[tuple[float, float]], mean: float) -> tuple[float, float]:
    """Mean and variance of the innermost rate, each level's posterior being the prior of the next.

    A level's rate is Beta-distributed around the mean of the level above it, `STRENGTH` successes and failures strong;
    the doubt about that mean is handed down in the share that the prior has in the posterior.
    """
    variance = 0.0
    for good, seen in levels:
        weight = STRENGTH + seen
        prior = STRENGTH / weight
        mean = prior * mean + good / weight
        variance = mean * (1.0 - mean) / (weight + 1.0) + prior**2 * variance
    return mean, variance


def _add(total: Count, count: Count) -> None:
    total.passages += count.passages
    total.sound += count.sound
    total.contests += count.contests
    total.won += count.won


def _count(values: Iterable[Any]) -> Count:
    passages, sound, contests, won = (float(value) for value in values)
    if not (isfinite(passages) and isfinite(contests) and 0 <= sound <= passages and 0 <= won <= contests):
        raise ValueError("not a count")
    return Count(passages, sound, contests, won)


def _key(model: str) -> str:
    return model[:_LONGEST_NAME]
