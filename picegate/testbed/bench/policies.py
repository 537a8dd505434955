"""The policies that are compared, each a few settings of the same gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from picegate.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Policy:
    """One column of the comparison.

    Attributes:
        model: the model name that its clients ask for; `body` are further fields of their requests.
        settings: sections of the gateway's config.
        shares_prefixes: whether the emulated edges share prefixes (their own switch, not the gateway's).
    """

    name: str
    title: str
    model: str = "pice"
    body: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shares_prefixes: bool = True


def _planned(name: str, title: str, **planner: Any) -> Policy:
    return Policy(name, title, settings={"planner": planner})


AUTO = Policy("auto", "ours: the planner decides")
CLOUD = Policy("cloud", "the cloud alone", "pice-cloud")
EDGE = Policy("edge", "edges alone", "pice-edge")
ROUTE = _planned(
    "route", "whole answers: on an edge where forecast to be easy and short, else in the cloud", policy="route"
)
SOT = _planned("sot", "skeleton of thought: skeleton and points both in the cloud", policy="sot")
PICE_LIKE = _planned(
    "pice-like", "PICE as we reconstruct it: the whole sketch first, then its points", policy="pice-like"
)
QUALITY = Policy("auto-quality", "ours, quality first", body={"pice": {"service_level": "quality"}})
BASELINES = (CLOUD, EDGE, ROUTE, SOT, PICE_LIKE)
ABLATIONS = (
    _planned("auto-no-pipelining", "ours, points handed out when the sketch is whole", pipelining=False),
    _planned("auto-no-warm-up", "ours, edges not warmed", warm=False),
    Policy("auto-no-sharing", "ours, edges share no prefixes", shares_prefixes=False),
    _planned("auto-no-hedging", "ours, late passages not begun elsewhere", hedging=False),
    _planned("auto-no-resizing", "ours, every point in a leg of its own", resizing=False),
    _planned("auto-no-edge-alone", "ours, no whole answers by an edge", edge_alone=False),
    *(_planned(f"auto-level-{level}", f"ours, always level {level}", fixed_level=level) for level in (1, 2, 3)),
)
ENSEMBLES = tuple(
    Policy(f"auto-ensemble-{when}", f"ours, {said}", settings={"quality": {"repair": False, "ensemble": when}})
    for when, said in (
        ("never", "one candidate for a passage"),
        ("slack", "two candidates where nobody waits for them"),
        ("always", "two candidates for every passage, waited for"),
    )
)
POLICIES = {policy.name: policy for policy in (AUTO, *BASELINES, QUALITY, *ABLATIONS, *ENSEMBLES)}


def policy_of(name: str) -> Policy:
    """Raises ConfigError for an unknown name, listing those there are."""
    if name not in POLICIES:
        raise ConfigError(f"no policy is called {name!r}; there are: {', '.join(POLICIES)}")
    return POLICIES[name]
