"""What a Jetson tells about itself: device tree, L4T release, power mode."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.box.box import Tegra
from edge_agent.box.files import listing, number, text

Ask = Callable[[Sequence[str]], str | None]  # runs a command and gives its output; None: it cannot be run

GPU_NODES = ("nvgpu", "nvhost-gpu", "nvhost-ctrl-gpu", "nvidia0")


def tegra(root: Path, ask: Ask) -> Tegra | None:
    """None: not a Jetson."""
    model = text(root / "proc/device-tree/model") or ""
    release = text(root / "etc/nv_tegra_release")
    if release is None and not re.search(r"jetson|tegra|orin", model, re.IGNORECASE):
        return None
    mode, modes = _power(root, ask)
    return Tegra(
        model=model or "a Jetson",
        release=_release(release or ""),
        power_mode=mode,
        power_modes=modes,
        gpu_visible=any((root / "dev" / node).exists() for node in GPU_NODES),
        clocks_held=_clocks_held(root),
    )


def _release(line: str) -> str | None:
    """From `# R36 (release), REVISION: 4.0, GCID: ...`."""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", line)
    return f"R{found[1]}.{found[2]}" if found else None


def _power(root: Path, ask: Ask) -> tuple[str | None, tuple[tuple[int, str], ...]]:
    """The mode in force and all modes, by nvpmodel's own files; where its state is not there, by asking it."""
    config = text(root / "etc/nvpmodel.conf") or ""
    names = {int(number): name for number, name in re.findall(r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)", config)}
    state = re.search(r"pmode:(\d+)", text(root / "var/lib/nvpmodel/status") or "")
    mode = names.get(int(state[1])) if state else None
    if mode is None:
        said = re.search(r"Power Mode:\s*(\S+)", ask(("nvpmodel", "-q")) or "")
        mode = said[1] if said else None
    return mode, tuple(sorted(names.items()))


def _clocks_held(root: Path) -> bool | None:
    """Whether no core's clock may fall below its highest, which is how `jetson_clocks` leaves them."""
    held = []
    for core in listing(root / "sys/devices/system/cpu", "cpu[0-9]*/cpufreq"):
        low, high = number(core / "scaling_min_freq"), number(core / "scaling_max_freq")
        if low is not None and high is not None:
            held.append(low >= high)
    return all(held) if held else None
