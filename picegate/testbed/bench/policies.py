"""The policies that are compared, each a few settings of the same gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from picegate.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Policy:
    """One column of the comparison.

    Attributes:
        model: the model name that its clients ask for.
        settings: sections of the gateway's config.
        shares_prefixes: whether the emulated edges share prefixes (their own switch, not the gateway's).
    """

    name: str
    title: str
    model: str = "pice"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shares_prefixes: bool = True


POLICIES = {
    policy.name: policy
    for policy in (
        Policy("cloud", "the cloud alone", "pice-cloud"),
        Policy("edge", "edges alone", "pice-edge"),
        Policy("progressive", "every answer by sketch and expansion, at the level of the settings", "pice-progressive"),
        Policy("auto", "ours: the planner decides"),
        Policy("auto-level-1", "ours, level 1 only", settings={"progressive": {"level": 1}}),
        Policy("auto-level-3", "ours, level 3 only", settings={"progressive": {"level": 3}}),
        Policy("auto-no-warm", "ours without warming the edges", settings={"progressive": {"warm": False}}),
        Policy("auto-no-sharing", "ours on edges that share no prefixes", shares_prefixes=False),
    )
}


def policy(name: str) -> Policy:
    """Raises ConfigError for an unknown name, listing those there are."""
    if name not in POLICIES:
        raise ConfigError(f"no policy is called {name!r}; there are: {', '.join(POLICIES)}")
    return POLICIES[name]
