"""What the process's cgroup grants it, version 1 or 2. Every group above it binds as well."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.box.files import fields, number, text


@dataclass(frozen=True, slots=True)
class Grant:
    """`cores` of processor time, `memory` at most and of it `memory_left`, bytes; None: no bound."""

    cores: float | None = None
    memory: int | None = None
    memory_left: int | None = None


def grant(root: Path, total: int) -> Grant:
    """`total`: the box's memory. A bound as large as that is none."""
    cores: list[float] = []
    memory: list[tuple[int, int]] = []  # what is left, of how much
    for folder in _folders(root, "cpu"):
        quota = _quota(folder)
        if quota is not None:
            cores.append(quota)
    for folder in _folders(root, "memory"):
        bound = _memory(folder)
        if bound is not None and bound[1] < total:
            memory.append(bound)
    left, limit = min(memory, default=(None, None))
    return Grant(min(cores, default=None), limit, left)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The group's folder and all above it.

    In a container the path may be the host's, which the mount does not show: then only the mount's own root is there.
    """
    for line in (text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        inner = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(inner), -1, -1):
            yield mount.joinpath(*inner[:depth])


def _quota(folder: Path) -> float | None:
    v2 = (text(folder / "cpu.max") or "").split()
    if len(v2) == 2 and v2[0].isdigit():
        return int(v2[0]) / int(v2[1])
    quota, period = number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _memory(folder: Path) -> tuple[int, int] | None:
    """(left, limit). What the kernel can drop (pages of files) counts as left."""
    limit, used = number(folder / "memory.max"), number(folder / "memory.current")
    names = ("inactive_file", "active_file")
    if limit is None:
        limit, used = number(folder / "memory.limit_in_bytes"), number(folder / "memory.usage_in_bytes")
        names = ("total_inactive_file", "total_active_file")
    if limit is None:
        return None
    stat = fields(text(folder / "memory.stat"), " ")
    droppable = sum(int(stat.get(name, 0)) for name in names)
    return max(0, limit - max(0, (used or 0) - droppable)), limit
