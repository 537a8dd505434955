"""What a box is made of, as far as an engine cares. `probes.py` measures it; sizes are bytes, temperatures °C."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """What this process may compute on.

    Attributes:
        allowed: logical cores it may be scheduled on.
        physical: of those, the ones that share no core with another (SMT); None: not told.
        quota: processor time that its cgroup grants, in cores; None: no bound.
    """

    allowed: int
    physical: int | None = None
    quota: float | None = None

    @property
    def worth(self) -> int:
        """Threads that get a core of their own: the second one of a physical core adds little to matrix products."""
        cores = min(self.allowed, self.physical or self.allowed)
        return max(1, cores if self.quota is None else min(cores, int(self.quota)))


@dataclass(frozen=True, slots=True)
class Memory:
    """
    Attributes:
        available: can be had without swapping, and is no more than the cgroup leaves.
        limit: the cgroup's, if any.
        mapped: of `available`, pages of files that this process has mapped: the weights of loaded models, above all.
    """

    total: int
    available: int
    limit: int | None = None
    swap_total: int = 0
    swap_used: int = 0
    mapped: int = 0

    @property
    def spare(self) -> int:
        """What a further model may take without driving out one that is loaded.

        The kernel counts all pages of files as available, since it can drop them and read them again. For weights that
        every token is computed with this would be the end: a box that thrashes.
        """
        return self.available - self.mapped


@dataclass(frozen=True, slots=True)
class Nvidia:
    """`cards` on the PCI bus; `names` are those that the driver knows, none where there is no driver."""

    cards: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tegra:
    """A Jetson: processor and GPU share one memory.

    Attributes:
        model: as the device tree calls it.
        release: L4T, such as "R36.4.0"; None: not told (in most containers).
        power_mode: the one of nvpmodel that is in force; None: not told.
        power_modes: all that this box has, with nvpmodel's number for each.
        gpu_visible: the GPU's device files are here (not so in a container without NVIDIA's runtime).
        clocks_held: processor clocks are pinned, as `jetson_clocks` does; None: not told.
    """

    model: str
    release: str | None = None
    power_mode: str | None = None
    power_modes: tuple[tuple[int, str], ...] = ()
    gpu_visible: bool = True
    clocks_held: bool | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A thermal zone. From `passive` on the kernel slows the box down, at `critical` it switches it off."""

    name: str
    celsius: float
    passive: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """`features`: the processor's instruction sets in the kernel's words. `memory` is None where there is no /proc."""

    cores: Cores
    memory: Memory | None
    features: frozenset[str] = frozenset()
    nvidia: Nvidia | None = None
    tegra: Tegra | None = None
    zones: tuple[Zone, ...] = ()
