"""Look at the box: /proc, /sys, the device tree. Nothing is changed, and nothing that is missing is a fault here."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edge_agent.box.box import Box, Cores, Memory, Nvidia, Zone
from edge_agent.box.cgroup import Grant, grant
from edge_agent.box.cores import usable_cores
from edge_agent.box.files import cpu_list, fields, listing, number, text
from edge_agent.box.jetson import Ask, tegra

ASK_S = 3.0  # for a command of the box; it reads a file or two
NVIDIA_VENDOR, DISPLAY_CLASS = "0x10de", "0x03"
SENSIBLE = range(1, 151)  # °C; trip points outside are placeholders of the firmware


def ask_the_box(command: Sequence[str]) -> str | None:
    """Output of a command, or None where it is not installed, fails or takes longer than `ASK_S`."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 (our own arguments)
            [program, *command[1:]], capture_output=True, text=True, timeout=ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def probe(root: Path = Path("/"), ask: Ask = ask_the_box) -> Box:
    """The box whose file tree lies at `root`. Blocks, for some milliseconds."""
    meminfo = fields(text(root / "proc/meminfo"), ":")
    granted = grant(root, _kib(meminfo, "MemTotal"))
    return Box(
        cores=_cores(root, granted),
        memory=_memory(root, meminfo, granted),
        features=_features(root),
        nvidia=_nvidia(root),
        tegra=tegra(root, ask),
        zones=_zones(root),
    )


def memory(root: Path = Path("/")) -> Memory | None:
    """That alone; None: there is no /proc. Blocks, for a millisecond."""
    meminfo = fields(text(root / "proc/meminfo"), ":")
    return _memory(root, meminfo, grant(root, _kib(meminfo, "MemTotal")))


def _cores(root: Path, granted: Grant) -> Cores:
    allowed = cpu_list(fields(text(root / "proc/self/status"), ":").get("Cpus_allowed_list", ""))
    if not allowed:
        return Cores(usable_cores(), quota=granted.cores)
    siblings = [text(root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in allowed]
    physical = len(set(siblings)) if all(siblings) else None
    return Cores(len(allowed), physical, granted.cores)


def _memory(root: Path, meminfo: dict[str, str], granted: Grant) -> Memory | None:
    total = _kib(meminfo, "MemTotal")
    if not total:
        return None
    available = _kib(meminfo, "MemAvailable")
    if granted.memory_left is not None:
        available = min(available, granted.memory_left)
    swap = _kib(meminfo, "SwapTotal")
    status = fields(text(root / "proc/self/status"), ":")
    # Locked pages are on a list of their own, which the kernel does not count as available in the first place.
    mapped = max(0, _kib(status, "RssFile") - _kib(status, "VmLck"))
    return Memory(total, available, granted.memory, swap, swap - _kib(meminfo, "SwapFree"), mapped)


def _kib(table: dict[str, str], key: str) -> int:
    return int((table.get(key) or "0").split()[0]) * 1024


def _features(root: Path) -> frozenset[str]:
    """Of the first core: `flags` on x86, `Features` on arm64."""
    cpuinfo = text(root / "proc/cpuinfo") or ""
    first = fields(cpuinfo.split("\n\n", 1)[0], ":")
    return frozenset((first.get("flags") or first.get("Features") or "").split())


def _nvidia(root: Path) -> Nvidia | None:
    cards = sum(
        text(device / "vendor") == NVIDIA_VENDOR and (text(device / "class") or "").startswith(DISPLAY_CLASS)
        for device in listing(root / "sys/bus/pci/devices", "*")
    )
    sheets = listing(root / "proc/driver/nvidia/gpus", "*/information")
    names = tuple(fields(text(sheet), ":").get("Model", "an NVIDIA GPU") for sheet in sheets)
    return Nvidia(max(cards, len(names)), names) if cards or names else None


def _zones(root: Path) -> tuple[Zone, ...]:
    zones = []
    for folder in listing(root / "sys/class/thermal", "thermal_zone*"):
        measured = number(folder / "temp")  # some zones of a Jetson refuse while their part sleeps
        if measured is None:
            continue
        trips: dict[str, float] = {}
        for point in listing(folder, "trip_point_*_type"):
            kind = text(point) or ""
            at = number(Path(os.fspath(point).removesuffix("_type") + "_temp"))
            if at is not None and at // 1000 in SENSIBLE:
                trips[kind] = min(at / 1000, trips.get(kind, at / 1000))
        zones.append(
            Zone(text(folder / "type") or folder.name, measured / 1000, trips.get("passive"), trips.get("critical"))
        )
    return tuple(zones)
