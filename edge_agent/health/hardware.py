"""Findings about the box: cores, swap, power, heat."""

from collections.abc import Iterator

from edge_agent.box.box import Tegra, Zone
from edge_agent.engine.need import MIB, shown
from edge_agent.health.findings import Facts, Finding, Severity

MARGIN_C = 5.0  # so close below a trip point it is as good as reached
SWAP_USED = 256 * MIB  # less than this lies there from the start of the day and harms nobody


def cores(facts: Facts) -> Iterator[Finding]:
    there = facts.box.cores
    threads = facts.fit.threads.value if facts.fit else facts.wishes.threads or there.worth
    granted = there.allowed if there.quota is None else min(there.allowed, there.quota)
    if threads > granted:
        of = "its cgroup grants the time of" if granted < there.allowed else "it may run on"
        yield Finding(
            Severity.WARNING,
            "cores",
            f"{threads} thread(s), but {of} {granted:g} core(s)",
            "llama.cpp's threads wait for one another: a step then takes many times as long",
            f"--threads {there.worth}, or grant more",
        )
    elif there.worth < 2 and not (facts.build and facts.build.devices):
        yield Finding(
            Severity.NOTE,
            "cores",
            "one core does all the work",
            "the model and the agent's own work take turns on it",
            "grant more cores if the box has them",
        )
    else:
        yield Finding(Severity.OK, "cores", f"{threads} thread(s) on {granted:g} core(s)")


def swap(facts: Facts) -> Iterator[Finding]:
    memory = facts.box.memory
    if memory is not None and memory.swap_used > SWAP_USED:
        yield Finding(
            Severity.WARNING,
            "swap",
            f"{shown(memory.swap_used)} of {shown(memory.swap_total)} are in use",
            "a model whose pages are swapped out answers at the disk's pace",
            "stop what else runs here, take a smaller model, or keep it in memory with --load-mode mmap+mlock",
        )


def power(facts: Facts) -> Iterator[Finding]:
    tegra = facts.box.tegra
    if tegra is not None and tegra.power_mode is not None:
        yield _power_mode(tegra, tegra.power_mode)
    if tegra is not None and tegra.clocks_held is False:
        yield Finding(
            Severity.NOTE,
            "power",
            "clocks follow the load",
            "the first tokens after a pause come more slowly",
            "sudo jetson_clocks holds them up, at more watts",
        )


def _power_mode(tegra: Tegra, mode: str) -> Finding:
    number, highest = _highest(tegra) or (0, mode)
    if mode == highest:
        return Finding(Severity.OK, "power", f"the power mode is {mode}")
    return Finding(
        Severity.WARNING,
        "power",
        f"the power mode is {mode}, and this box has {highest}",
        "clocks are capped and cores may be switched off",
        f"sudo nvpmodel -m {number}",
    )


def _highest(tegra: Tegra) -> tuple[int, str] | None:
    """MAXN means no cap, and MAXN_SUPER less of one; where there is neither, the mode of the most watts."""

    def rank(mode: tuple[int, str]) -> tuple[bool, bool, int]:
        name = mode[1]
        watts = "".join(character for character in name if character.isdigit())
        return name.startswith("MAXN"), name.endswith("SUPER"), int(watts or 0)

    return max(tegra.power_modes, key=rank, default=None)


def heat(facts: Facts) -> Iterator[Finding]:
    for zone in facts.box.zones:
        finding = _of_zone(zone)
        if finding is not None:
            yield finding


def _of_zone(zone: Zone) -> Finding | None:
    at = f"{zone.name} is at {zone.celsius:.0f} °C"
    do = "look at the fan, the dust and the air around it, or take a lower power mode"
    if zone.critical is not None and zone.celsius >= zone.critical - MARGIN_C:
        what = f"{at}; at {zone.critical:.0f} °C the box switches itself off"
        return Finding(Severity.FAULT, "heat", what, "it may go dark in the middle of an answer", do)
    if zone.passive is not None and zone.celsius >= zone.passive:
        what = f"{at}; from {zone.passive:.0f} °C on the kernel lowers the clocks"
        return Finding(Severity.WARNING, "heat", what, "it runs slower than it could", do)
    if zone.passive is not None and zone.celsius >= zone.passive - MARGIN_C:
        what = f"{at}; from {zone.passive:.0f} °C on the kernel lowers the clocks"
        return Finding(Severity.NOTE, "heat", what, "under load it will slow down", do)
    return None
