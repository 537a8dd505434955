"""What a level delegates: how many points, how much the cloud still writes, how long a passage gets.

The priors are the words that a good model spends on a sketch (its own opening and closing, and a line per point); what
this gateway's sketches really took corrects them.
"""

from collections.abc import Mapping
from typing import Any

from picegate.core.plan import Forecast
from picegate.core.value import value
from picegate.planning.length import TOKENS_PER_WORD

LEVELS = (1, 2, 3)
VERSION = 1
_OWN_WORDS = {1: 37.0, 2: 18.0, 3: 12.0}  # the cloud's own text
_LINE_WORDS = {1: 22.0, 2: 15.0, 3: 9.0}  # one delegation line
_POINT_TOKENS = 60.0 * TOKENS_PER_WORD  # that a good sketch gives a point
_MEMORY = 0.05  # weight of the newest sketch in a correction
_LEAST, _MOST = 0.25, 4.0


def point_count(level: int, forecast: Forecast, most: int) -> int:
    """How many the cloud may make at most: about one for 60 words of the answer; the more, the higher the level."""
    wanted = forecast.answer_tokens / _POINT_TOKENS
    return max(1, min(most, round(wanted * (0.5 + 0.25 * level))))


@value
class Split:
    """Of one answer at one level, in tokens. `own`: the cloud's text that readers see; `line`: one delegation line."""

    points: int
    own: float
    line: float
    edge: float

    @property
    def cloud(self) -> float:
        return self.own + self.points * self.line


class LevelModel:
    def __init__(self) -> None:
        self._cloud = dict.fromkeys(LEVELS, 1.0)  # what sketches took / what was expected of them
        self._edge = dict.fromkeys(LEVELS, 1.0)

    def split(self, level: int, forecast: Forecast, most_points: int) -> Split:
        tokens = forecast.mean_tokens
        points = min(point_count(level, forecast, most_points), max(1, round(tokens / _POINT_TOKENS)))
        scale = self._cloud[level] * TOKENS_PER_WORD
        own = min(_OWN_WORDS[level] * scale, 0.5 * tokens)
        line = _LINE_WORDS[level] * scale
        return Split(points, own, line, edge=max(tokens - own, 0.0) * self._edge[level])

    def learn(self, level: int, expected: Split, *, cloud_tokens: float, edge_tokens: float) -> None:
        """A sketch with points, and its passages, have ended."""
        for factors, seen, wanted in (
            (self._cloud, cloud_tokens, expected.cloud),
            (self._edge, edge_tokens, expected.edge),
        ):
            if seen > 0 and wanted > 0:
                ratio = factors[level] * seen / wanted
                factors[level] += _MEMORY * (min(max(ratio, _LEAST), _MOST) - factors[level])

    def as_data(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "cloud": [self._cloud[level] for level in LEVELS],
            "edge": [self._edge[level] for level in LEVELS],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> "LevelModel":
        """Go on from `as_data`; from the priors where there is none, or it is another version's or broken."""
        model = cls()
        if data is None or data.get("version") != VERSION:
            return model
        try:
            cloud, edge = ([float(value) for value in data[name]] for name in ("cloud", "edge"))
        except (KeyError, TypeError, ValueError):
            return model
        if len(cloud) == len(edge) == len(LEVELS) and all(_LEAST <= value <= _MOST for value in (*cloud, *edge)):
            model._cloud = dict(zip(LEVELS, cloud, strict=True))
            model._edge = dict(zip(LEVELS, edge, strict=True))
        return model
