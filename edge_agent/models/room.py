"""How much memory can still be had on this machine."""

from contextlib import suppress
from pathlib import Path

from edge_agent.models.fit import RESERVE_BYTES

# Folder of the memory controller, its limit, its use, and the lines of memory.stat for file pages and for those of them
# that cannot be dropped: cgroup v2, then v1.
_CONTROLLERS = (
    ("sys/fs/cgroup", "memory.max", "memory.current", "file", "shmem"),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache", "total_shmem"),
)


def room(root: Path = Path("/")) -> int | None:
    """Bytes that may still be taken: MemAvailable, or less where a cgroup allows less, without the reserve.

    The kernel counts mapped files as available, the weights of loaded models among them; they are in use all the same,
    so this process's own (RssFile) are taken off. `root` is where /proc and /sys are looked for. None: there is no
    /proc/meminfo.
    """
    machine = _table(root / "proc/meminfo").get("MemAvailable")
    if machine is None:
        return None
    mapped = _table(root / "proc/self/status").get("RssFile", 0)
    return min(machine * 1024, *_cgroups(root)) - mapped * 1024 - RESERVE_BYTES


def _cgroups(root: Path) -> list[int]:
    """What each memory cgroup around this process leaves it, bytes; an endless number first."""
    found = [2**63]
    for folder, limit, use, files, pinned in _CONTROLLERS:
        for group in _groups(root, root / folder):
            with suppress(OSError, ValueError):  # no such controller, or no limit: "max"
                stat = _table(group / "memory.stat")
                droppable = stat.get(files, 0) - stat.get(pinned, 0)
                found.append(int((group / limit).read_text()) - int((group / use).read_text()) + droppable)
    return found


def _groups(root: Path, controller: Path) -> set[Path]:
    """This process's groups and all above them; limits of outer groups hold for inner ones."""
    groups = {controller}
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            own = controller / line.split(":", 2)[-1].lstrip("/")
            groups |= {own, *(group for group in own.parents if group.is_relative_to(controller))}
    return groups


def _table(path: Path) -> dict[str, int]:
    """The lines of a /proc file that are a name and a number."""
    table = {}
    with suppress(OSError):
        for line in path.read_text().splitlines():
            name, *rest = line.replace(":", " ").split()
            if rest and rest[0].isdigit():
                table[name] = int(rest[0])
    return table
