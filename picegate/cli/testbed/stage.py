"""What is emulated and what is asked: options that every bench of the testbed takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from picegate.core.errors import ConfigError
from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.notes import notes
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.policies import POLICIES, Policy, policy_of
from picegate.testbed.bench.workload import MIXES, VICUNA, Workload, prompts_file, workload
from picegate.testbed.emulated.faults import NO_FAULTS, Faults
from picegate.testbed.emulated.profile import Profile, load_profile
from picegate.testbed.emulated.site import Site

SECONDS = 120.0  # of emulated load in one trial

Pattern = Literal["poisson", "bursty"]
EdgesOption = Annotated[int, typer.Option("--edges", min=0, max=256, help="Number of edges.")]
PatternOption = Annotated[Pattern, typer.Option("--pattern", help="How questions arrive.")]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", min=5, help=f"Emulated seconds of one trial [{SECONDS:g}].")
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=20, help="Seeds 1 to N; each is a run of its own.")]
TriesOption = Annotated[int, typer.Option("--tries", min=1, max=12, help="Trials of one search for throughput.")]
PolicyOption = Annotated[
    list[str] | None, typer.Option("--policy", help=f"May be repeated. There are: {', '.join(POLICIES)}.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
RESULTS = Path("docs/results")


@dataclass(frozen=True, slots=True)
class Stage:
    cloud: Profile
    edge: Profile
    asked: Workload

    def site(self, edges: int, faults: Faults = NO_FAULTS, straggler: float = 1.0) -> Site:
        return Site(self.cloud, self.edge, edges, edge_faults=faults, straggler=straggler)

    def alone(self) -> float:
        """Answers per minute that the cloud alone can write at most."""
        return bound_of(self.site(0), self.asked.questions).per_s * 60

    def notes(self, *, virtual: bool = True) -> list[str]:
        """What the results rest on."""
        return notes(self.asked, (self.cloud, self.edge), virtual=virtual)


def set_up(
    *,
    cloud: Annotated[str, typer.Option("--cloud", help="Profile of the cloud: a name, or a TOML file.")] = (
        "headline-cloud"
    ),
    edge: Annotated[str, typer.Option("--edge", help="Profile of the edges.")] = "headline-orin",
    mix: Annotated[str, typer.Option("--workload", help=f"One of: {', '.join(MIXES)}.")] = VICUNA,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", help='Your own questions instead: JSON lines, {"prompt": ..., "words": ...}.'),
    ] = None,
) -> Stage:
    """Raises ConfigError for what is unknown or broken."""
    asked = prompts_file(prompts) if prompts is not None else workload(mix)
    return Stage(load_profile(cloud, "cloud"), load_profile(edge, "edge"), asked)


def policies_of(names: list[str] | None, default: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Those that were named, else the default ones. Raises ConfigError for an unknown name."""
    return tuple(policy_of(name) for name in dict.fromkeys(names)) if names else default


def load_of(per_minute: float, seconds: float | None, pattern: Pattern = "poisson", seed: int = 1) -> Load:
    """Raises ConfigError for a load that cannot be offered."""
    try:
        return Load(per_minute, seconds or SECONDS, pattern, seed)
    except ValueError as error:
        raise ConfigError(str(error)) from error
