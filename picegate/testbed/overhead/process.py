"""What a running program takes of the machine, from /proc: so this part of the bench needs Linux."""

import os
from pathlib import Path

_PROC = Path("/proc")
_UTIME, _STIME = 11, 12  # of /proc/PID/stat, counted after the program's name
_PPID = 1


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and those below it have used. Steps of 10 ms: measure many requests at once."""
    ticks = sum(int(_stat(each)[_UTIME]) + int(_stat(each)[_STIME]) for each in _family(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process and those below it."""
    page = os.sysconf("SC_PAGE_SIZE")
    pages = sum(int((_PROC / str(each) / "statm").read_text().split()[1]) for each in _family(pid))
    return pages * page / 2**20


def _family(pid: int) -> list[int]:
    parents = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[_PPID])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    found = [pid]
    for each in found:  # grows as it is read
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
