"""How the models of a fleet stand against one another, for people and metrics; no decision reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from picegate.planning.skill import Count, Skill, Trust

_SURE = 1.64  # standard deviations: on either side, one in twenty lies beyond
_CLEARLY = 0.1  # of passages, between the ends of two intervals


@dataclass(frozen=True, slots=True)
class Score:
    """What was counted, old passages in part: 100 of three days ago are 50.

    Attributes:
        sound: share of the `passages` that needed no repair; None without any.
        won: share of the `contests` with another model's passage for the same point; None without any.
        loses: another model of the fleet is clearly and surely more often sound.
    """

    passages: int
    sound: float | None
    contests: int
    won: float | None
    loses: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """One model's, overall and by the name of each kind of question that it was judged by."""

    overall: Score
    kinds: Mapping[str, Score] = field(default_factory=dict)

    @property
    def loses_at(self) -> list[str]:
        """The kinds of question that it keeps losing at."""
        return [name for name, score in self.kinds.items() if score.loses]

    def as_data(self) -> dict[str, Any]:
        return asdict(self.overall) | {"kinds": {name: asdict(score) for name, score in self.kinds.items()}}


def standings(skill: Skill, models: Iterable[str]) -> dict[str, Standing]:
    """Of those of `models` that were judged at all, in the order given."""
    judged = [model for model in dict.fromkeys(models) if skill.kinds(model)]
    losers = _losers({model: skill.overall(model) for model in judged})
    asked = {kind for model in judged for kind in skill.kinds(model)}
    losers_at = {kind: _losers({model: skill.trust(model, kind) for model in judged}) for kind in asked}
    return {
        model: Standing(
            _score(skill.total(model), loses=model in losers),
            {str(kind): _score(count, loses=model in losers_at[kind]) for kind, count in skill.kinds(model).items()},
        )
        for model in judged
    }


def _losers(trusts: Mapping[str, Trust]) -> set[str]:
    """Who is surely worse than the one that is surely best. That one never is, so nobody is compared with itself."""
    best = max((trust.mean - _SURE * trust.doubt for trust in trusts.values()), default=0.0)
    return {model for model, trust in trusts.items() if trust.mean + _SURE * trust.doubt + _CLEARLY < best}


def _score(count: Count, *, loses: bool) -> Score:
    return Score(
        passages=round(count.passages),
        sound=round(count.sound / count.passages, 3) if count.passages else None,
        contests=round(count.contests),
        won=round(count.won / count.contests, 3) if count.contests else None,
        loses=loses,
    )
