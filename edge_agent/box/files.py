"""Reading the small files of /proc and /sys, any of which may be missing or refuse to be read."""

from pathlib import Path


def text(path: Path) -> str | None:
    """Stripped of white space and of the device tree's final NUL; None: not there, or not readable."""
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \n\t")
    except OSError:
        return None


def number(path: Path) -> int | None:
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def fields(content: str | None, separator: str) -> dict[str, str]:
    """`key<separator>value` lines; the last of several equal keys wins."""
    pairs = (line.partition(separator) for line in (content or "").splitlines())
    return {key.strip(): value.strip() for key, found, value in pairs if found}


def listing(folder: Path, pattern: str) -> list[Path]:
    """Sorted, so that the same box is always told in the same order."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def cpu_list(ranges: str) -> frozenset[int]:
    """The kernel's "0-2,5" as numbers."""
    found: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
