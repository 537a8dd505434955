"""The seeds of a bench: each is a run of its own; one that Ctrl-C broke off counts for nothing beside whole ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Seeded:
    """What every bench of several seeds has in common.

    Attributes:
        seeds: those asked for, in turn; `done`: those of which everything was measured.
    """

    seeds: tuple[int, ...] = (1,)
    done: list[int] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        return len(self.done) < len(self.seeds)

    @property
    def shown(self) -> tuple[int, ...]:
        """Those that tables and plots are made of: the whole ones, or the first as far as it went."""
        return tuple(self.done) or self.seeds[:1]

    @property
    def told(self) -> str:
        """Which these are, for a title."""
        if not self.done:
            return f"seed {self.seeds[0]} as far as it went"
        of = "seed" if len(self.done) == 1 else "mean of seeds"
        broken_off = f" (of {_list(self.seeds)}: stopped early)" if self.interrupted else ""
        return f"{of} {_list(self.done)}{broken_off}"


def _list(seeds: Sequence[int]) -> str:
    """Short enough for the title of a plot: benches ask for seeds 1 to N."""
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 2 else ", ".join(map(str, seeds))
