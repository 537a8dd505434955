"""The bench itself: every side under the same load, turn by turn, round by round."""

from collections.abc import Callable, Sequence

from picegate.testbed.overhead import load
from picegate.testbed.overhead.figures import SETTINGS, Round, Setting
from picegate.testbed.overhead.process import cpu_s
from picegate.testbed.overhead.sides import Side

MOST = 20_000  # answers of one turn
WARM_UP_S = 0.3

Progress = Callable[[str], None]


class Turns:
    """Collects rounds; those that are whole can be read at any time."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self._sides = sides
        self._rounds: list[dict[Setting, dict[str, Round]]] = []
        self.answers = {side.target.name: 0 for side in sides}

    def warm_up(self, progress: Progress) -> None:
        """Connections, caches and compiled queries cost the first requests of a program only."""
        for setting in SETTINGS:
            for side in self._sides:
                progress(f"warming up {side.target.name}")
                self._turn(side, setting, WARM_UP_S)

    def round(self, seconds: float, progress: Progress) -> None:
        """Each side at each setting for `seconds`. Who comes first changes from round to round."""
        first = len(self._rounds) % len(self._sides)
        order = [*self._sides[first:], *self._sides[:first]]
        seen: dict[Setting, dict[str, Round]] = {}
        for setting in SETTINGS:
            seen[setting] = {}
            for side in order:
                progress(f"{setting}: {side.target.name}")
                seen[setting][side.target.name] = self._turn(side, setting, seconds)
        self._rounds.append(seen)

    @property
    def count(self) -> int:
        return len(self._rounds)

    @property
    def rounds(self) -> dict[Setting, dict[str, list[Round]]]:
        return {
            setting: {
                side.target.name: [each[setting][side.target.name] for each in self._rounds] for side in self._sides
            }
            for setting in SETTINGS
        }

    def _turn(self, side: Side, setting: Setting, seconds: float) -> Round:
        before = cpu_s(side.pid)
        run = load.run(side.target, stream=setting.stream, connections=setting.connections, seconds=seconds, most=MOST)
        self.answers[side.target.name] += len(run.total_s)
        return Round.of(run.total_s, run.first_s, run.seconds, cpu_s(side.pid) - before)
