"""What the reader gets: tables, the bars, and the files."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from edge_agent.bench import plot
from edge_agent.bench.bars import Bar
from edge_agent.bench.sections.bound import Bound
from edge_agent.bench.sections.fidelity import TOP, Fidelity
from edge_agent.bench.sections.health import Health
from edge_agent.bench.sections.memory import Memory
from edge_agent.bench.sections.mixed import Mixed, Stream
from edge_agent.bench.sections.points import Cell, Points

Result = Points | Mixed | Health | Memory | Fidelity | Bound
GB = 1e9
MB = 1e6


def shown(result: Result) -> Table | str:
    match result:
        case Points():
            return _points(result)
        case Mixed():
            return _mixed(result)
        case Health():
            return f"Health: answered in {result.median_s * 1e3:.1f} ms while prompts are read (median)"
        case Memory():
            return _memory(result)
        case Fidelity():
            return _fidelity(result)
        case Bound():
            return _bound(result)


def data(
    results: Mapping[str, Result], bars: list[Bar], builds: Mapping[str, str], setup: Mapping[str, Any]
) -> dict[str, Any]:
    """All of it, ready for JSON."""
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": _processor(), "system": platform.platform(), "python": platform.python_version()},
        "setup": dict(setup),
        "builds": dict(builds),
        "bars": [
            {"name": b.name, "figure": b.figure, "limit": b.limit, "met": b.met, "remark": b.remark} for b in bars
        ],
        **{name: asdict(result) for name, result in results.items()},
    }


def write(folder: Path, told: Mapping[str, Any], results: Mapping[str, Result]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "engine.json"]
    written[0].write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    panels = [panel for result in results.values() if (panel := _panel(result))]
    if panels:
        written.append(folder / "engine.svg")
        written[1].write_text(plot.svg(panels), encoding="utf-8")
    return written


def _panel(result: Result) -> str | None:
    if isinstance(result, Points):
        rates = {side: {n: cell.rate.median for n, cell in cells.items()} for side, cells in result.cells.items()}
        return plot.lines("Points of one answer: tokens/s", "points at once", rates)
    if isinstance(result, Mixed):
        firsts = {
            "engine": result.engine.first_s,
            "engine, weights as packed": result.as_packed.first_s,
            "llama-server": result.server.first_s,
        }
        return plot.shares("Mixed arrivals: time to first token", "seconds", firsts)
    return None


def _points(seen: Points) -> Table:
    title = (
        f"Points of one answer, {seen.prompt_tokens} prompt tokens, cold: tokens/s (total s; median first token s). "
        "Medians, with lowest and highest of several rounds"
    )
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    counts = sorted(next(iter(seen.cells.values())))
    for column in ("", *(f"N={count}" for count in counts), "resident MB"):
        table.add_column(column, justify="right" if column else "left")
    for side, cells in seen.cells.items():
        table.add_row(side, *(_cell(cells[count]) for count in counts), f"{seen.resident[side] / MB:.0f}")
    return table


def _cell(cell: Cell) -> str:
    short = f", {cell.tokens:.0f} tokens each" if cell.tokens != round(cell.tokens) else ""
    spread = f" {cell.total_s.low:.1f} to {cell.total_s.high:.1f}" if cell.rounds > 1 else ""
    return f"{cell.rate.median:.0f} ({cell.total_s.median:.1f}{spread}; {cell.first_s.median:.1f}{short})"


def _mixed(seen: Mixed) -> Table:
    title = f"Mixed arrivals: {seen.requests} requests, {seen.offered_rate:.0f} tok/s asked for"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "tok/s", "total s", "tokens", "cached prompt tokens", "median first token s"):
        table.add_column(column, justify="right" if column else "left")
    sides = {"engine": seen.engine, "engine, weights as packed": seen.as_packed, "llama-server": seen.server}
    for side, stream in sides.items():
        table.add_row(side, *_stream(stream))
    return table


def _stream(s: Stream) -> tuple[str, ...]:
    return (f"{s.rate:.1f}", f"{s.total_s:.1f}", str(s.tokens), str(s.cached_tokens), f"{s.median_first_s:.2f}")


def _memory(seen: Memory) -> str:
    return (
        f"Memory: {seen.resident:.0f} MB resident, with model {seen.model:.0f} MB and cells {seen.kv:.0f} MB; "
        f"{seen.growth:+.1f} MB over {seen.requests} requests"
    )


def _fidelity(seen: Fidelity) -> str:
    told = (
        f"Fidelity: {seen.prompts} prompts together, {seen.shared} of them on shared tokens, against the model alone: "
        f"logprobs of the {TOP} likeliest first tokens differ by {seen.largest:.3g} nats at most, {seen.mean:.3g} on "
        f"average (alone, read in two parts: {seen.noise_largest:.3g} and {seen.noise_mean:.3g}); {seen.texts_differ} "
        f"greedy texts part, {seen.not_at_ties} of them not at a near-tie"
    )
    other = seen.repacked
    if other is None:
        return told
    return (
        f"{told}. The engine as it is, where it repacks weights: {other.largest:.3g} at most, {other.mean:.3g} on "
        f"average; {other.texts_differ} greedy texts part, {other.not_at_ties} of them not at a near-tie"
    )


def _bound(seen: Bound) -> str:
    return (
        f"The machine's bound: {seen.bandwidth / GB:.1f} GB/s copied, {seen.flops / GB:.0f} GFLOP/s in float32. One "
        f"stream decodes {seen.one:.0f} tok/s, its weights being read at {seen.bandwidth_one:.0%} of that bandwidth; "
        f"{seen.streams} streams decode {seen.many:.0f} tok/s, {seen.many / seen.one:.2f} times one, at "
        f"{seen.bandwidth_many:.0%} of the bandwidth and {seen.flops_many:.0%} of the arithmetic"
    )


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
