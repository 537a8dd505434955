"""What can be swept: each axis says how site, load and workload look at one of its values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from picegate.core.errors import ConfigError
from picegate.testbed.bench.bound import bound_of
from picegate.testbed.bench.offer import Load
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.site import Site

Setting = tuple[Site, Load, Workload]


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies. `apply` gives site, load and workload at a value."""

    name: str
    unit: str
    values: tuple[float, ...]
    apply: Callable[[float, Site, Load, Workload], Setting]


def _load(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    alone = bound_of(site, workload.questions).cloud_only_per_s * 60
    return site, replace(load, per_minute=value * alone), workload


def _edges(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, edges=int(value)), load, workload


def _edge_rtt(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, edge=site.edge.at(rtt_ms=value)), load, workload


def _cloud_rtt(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, cloud=site.cloud.at(rtt_ms=value)), load, workload


def _bandwidth(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, edge=site.edge.at(mbit_s=value)), load, workload


def _length(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return site, replace(load, per_minute=load.per_minute / value), workload.longer(value)


def _sketch(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, sketch_scale=value), load, workload


def _straggler(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, straggler=value), load, workload


def _fault(name: str) -> Callable[[float, Site, Load, Workload], Setting]:
    """Over one field of the edges' `Faults`; the others stay as they are."""

    def apply(value: float, site: Site, load: Load, workload: Workload) -> Setting:
        faults = replace(site.edge_faults, **{name: value})
        return replace(site, edge_faults=faults), load, workload

    return apply


def _outages(value: float, site: Site, load: Load, workload: Workload) -> Setting:
    return replace(site, cloud_faults=replace(site.cloud_faults, refuse=value)), load, workload


SHARES = (0, 0.05, 0.2, 0.5)

AXES: Mapping[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("load", "of what the cloud alone can do", (0.2, 0.5, 0.8, 1.0, 1.3, 1.7), _load),
        Axis("edges", "edges", (0, 1, 2, 4, 8, 16), _edges),
        Axis("edge-rtt", "ms round trip to the edges", (1, 5, 20, 80, 200), _edge_rtt),
        Axis("cloud-rtt", "ms round trip to the cloud", (10, 40, 120, 300), _cloud_rtt),
        Axis("bandwidth", "Mbit/s to each edge", (0.25, 1, 10, 50), _bandwidth),
        Axis("length", "times the answers' length, at as many words a minute", (0.25, 0.5, 1, 2), _length),
        Axis("sketch", "times the assumed length of sketches", (0.6, 0.8, 1, 1.3, 1.7), _sketch),
        Axis("slowness", "times as slow edges", (1, 2, 4, 10, 30), _fault("slowness")),
        Axis("straggler", "times as slow the first of the edges", (1, 2, 4, 10), _straggler),
        Axis("refusals", "share of edge calls refused", SHARES, _fault("refuse")),
        Axis("deaths", "share of edge calls cut in mid-stream", SHARES, _fault("die")),
        Axis("stalls", "share of edge calls that fall silent in mid-stream", SHARES, _fault("stall")),
        Axis("outages", "share of cloud calls refused", SHARES, _outages),
        Axis("mutes", "share of edge calls that never begin to answer", SHARES, _fault("mute")),
    )
}


def axis_of(name: str) -> Axis:
    """Raises ConfigError for an unknown axis, listing those there are."""
    if name not in AXES:
        raise ConfigError(f"nothing called {name!r} can be swept; there are: {', '.join(AXES)}")
    return AXES[name]
