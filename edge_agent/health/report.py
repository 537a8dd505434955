"""A visit in words for people, and in JSON for machines."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edge_agent.box.box import Box
from edge_agent.engine.build import to_json
from edge_agent.engine.need import shown
from edge_agent.health.findings import Facts, Finding, Severity

MARKS = {Severity.OK: "ok  ", Severity.NOTE: "note", Severity.WARNING: "WARN", Severity.FAULT: "FAULT"}


def as_text(facts: Facts, findings: Sequence[Finding]) -> str:
    lines = ["the box", *(f"  {line}" for line in _box(facts.box))]
    if facts.fit is not None:
        lines += ["", f"what serve would choose ({facts.fit.situation})", *(f"  {row}" for row in facts.fit.rows())]
    lines += ["", "what was found"]
    for finding in findings:
        lines.append(f"  {MARKS[finding.severity]:<5} {finding.about}: {finding.what}")
        if finding.means:
            lines += [f"        {finding.means}", f"        -> {finding.do}"]
    return "\n".join(lines)


def as_json(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    box = asdict(facts.box)
    box["features"] = sorted(facts.box.features)
    return {
        "healthy": is_healthy(findings),
        "box": box,
        "engine": None if facts.build is None else to_json(facts.build),
        "choices": None if facts.fit is None else asdict(facts.fit),
        "findings": [asdict(finding) for finding in findings],
    }


def is_healthy(findings: Sequence[Finding]) -> bool:
    return all(finding.severity is not Severity.FAULT for finding in findings)


def _box(box: Box) -> Iterator[str]:
    if box.tegra is not None:
        yield f"{box.tegra.model}, L4T {box.tegra.release or 'not told'}"
    cores = box.cores
    quota = "" if cores.quota is None else f", the time of {cores.quota:g} granted"
    physical = "" if cores.physical is None else f" ({cores.physical} physical)"
    yield f"cores      {cores.allowed}{physical}{quota}"
    if box.memory is not None:
        limit = "" if box.memory.limit is None else f", limited to {shown(box.memory.limit)}"
        yield f"memory     {shown(box.memory.available)} available of {shown(box.memory.total)}{limit}"
        if box.memory.swap_total:
            yield f"swap       {shown(box.memory.swap_used)} used of {shown(box.memory.swap_total)}"
    if box.nvidia is not None:
        yield f"NVIDIA     {', '.join(box.nvidia.names) or f'{box.nvidia.cards} card(s) without a driver'}"
    if box.tegra is not None and box.tegra.power_mode is not None:
        yield f"power mode {box.tegra.power_mode}"
    for zone in box.zones:
        yield f"heat       {zone.name} {zone.celsius:.0f} °C"
