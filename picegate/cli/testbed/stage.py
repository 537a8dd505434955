"""What is emulated and what is asked: options that every bench of the testbed takes."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

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
EDGES = 4  # where no number is named
MOST_SECONDS, MOST_PER_MINUTE = 86_400, 60_000
DEFAULT_CLOUD, DEFAULT_EDGE = "headline-cloud", "headline-orin"


def number(value: float | None) -> float | None:
    """A callback of options: limits do not keep "nan" out. Raises BadParameter, which names the option."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is no number of anything.")
    return value


def positive(value: float | None) -> float | None:
    """Likewise, above 0."""
    if value is not None and value <= 0:
        raise typer.BadParameter(f"{value:g} is not above 0.")
    return number(value)


def share(does: str) -> Any:
    """The option for a share of calls."""
    return typer.Option(min=0, max=1, callback=number, help=f"Share of {does}.")


def times_as_long(who: str) -> Any:
    return typer.Option(min=0.1, max=1000, callback=number, help=f"{who} so many times as long.")


Pattern = Literal["poisson", "bursty"]
EdgesOption = Annotated[int, typer.Option("--edges", min=0, max=256, help="Number of edges.")]
SomeEdgesOption = Annotated[int, typer.Option("--edges", min=1, max=256, help="Number of edges.")]
PatternOption = Annotated[Pattern, typer.Option("--pattern", help="How questions arrive.")]
SecondsOption = Annotated[
    float | None,
    typer.Option(
        "--seconds", min=5, max=MOST_SECONDS, callback=number, help=f"Emulated seconds of one trial [{SECONDS:g}]."
    ),
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=20, help="Seeds 1 to N; each is a run of its own.")]
TriesOption = Annotated[int, typer.Option("--tries", min=1, max=12, help="Trials of one search for throughput.")]
PolicyOption = Annotated[
    list[str] | None, typer.Option("--policy", help=f"May be repeated. There are: {', '.join(POLICIES)}.")
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        file_okay=False,
        help="Folder for the results. Whatever else is not the default, but for --seeds, adds to their names: "
        "headline-japanese.json, sweep-edges-2-policies.json. What Ctrl-C ended is called ...-interrupted.json.",
    ),
]
RESULTS = Path("docs/results")


@dataclass(frozen=True, slots=True)
class Stage:
    cloud: Profile
    edge: Profile
    asked: Workload
    named: tuple[str, ...] = ()  # what stands in the names of results, where it is not the default

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
        DEFAULT_CLOUD
    ),
    edge: Annotated[str, typer.Option("--edge", help="Profile of the edges.")] = DEFAULT_EDGE,
    mix: Annotated[str | None, typer.Option("--workload", help=f"One of: {', '.join(MIXES)} [{VICUNA}].")] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts",
            help='Your own questions instead: JSON lines, {"prompt": ..., "words": ..., "category": ..., '
            '"japanese": ...}; docs/testbed.md describes them.',
        ),
    ] = None,
) -> Stage:
    """Raises ConfigError for what is unknown, broken or contradictory."""
    if prompts is not None and mix is not None:
        raise ConfigError("--prompts and --workload both say what is asked; give one of them")
    asked = prompts_file(prompts) if prompts is not None else workload(mix or VICUNA)
    far, near = load_profile(cloud, "cloud"), load_profile(edge, "edge")
    named = (
        prompts.stem if prompts is not None else differs(mix, VICUNA),
        far.name if cloud != DEFAULT_CLOUD else "",
        near.name if edge != DEFAULT_EDGE else "",
    )
    return Stage(far, near, asked, named)


def differs(value: str | float | None, default: str | float | None = None, unit: str = "") -> str:
    """What an option adds to the names of results; empty where it is the default."""
    if value is None or value == default:
        return ""
    told = value if isinstance(value, str) else f"{value:g}"
    return f"{told}-{unit}" if unit else told


def file_name(bench: str, stage: Stage, *differences: str) -> str:
    """Of results, without its ending. Where an option is not the default, it is not that of a published run."""
    return "-".join((bench, *filter(None, (*stage.named, *differences))))


def policies_of(names: list[str] | None, default: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Those that were named, else the default ones. Raises ConfigError for an unknown name."""
    return tuple(policy_of(name) for name in dict.fromkeys(names)) if names else default


def count(policies: list[str] | None) -> str:
    """What `--policy` adds to the names of results."""
    return differs(len(set(policies)), unit="policies") if policies else ""


def load_of(per_minute: float, seconds: float | None, pattern: Pattern = "poisson", seed: int = 1) -> Load:
    return Load(per_minute, seconds or SECONDS, pattern, seed)
