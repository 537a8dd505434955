"""The gateway's bench as a table, as JSON and as a plot."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from picegate.testbed.fast_cloud import CHUNKS
from picegate.testbed.overhead.figures import SETTINGS, Comparison, Spread
from picegate.testbed.overhead.progressive import POINTS
from picegate.testbed.plot import bars_svg

_COLUMNS = ("requests/s", "median", "p99", "added", "at p99", "to first", "CPU")


def table(seen: Comparison, litellm_version: str) -> Table:
    title = (
        f"Answers of {CHUNKS} chunks from a FAKE upstream on this machine; ms, medians of {_count(seen)} rounds\n"
        f"LiteLLM {litellm_version}: one worker, checks keys. picegate: one worker, keys, ledger, metrics, log.\n"
        "direct: the load generator and the upstream alone, the most that can be measured here."
    )
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("", "", *_COLUMNS):
        made.add_column(column, justify="right" if column else "left")
    for setting in SETTINGS:
        for number, side in enumerate(seen.rounds[setting]):
            direct = side == "direct"
            made.add_row(
                "" if number else str(setting),
                side,
                f"{seen.spread(setting, side, 'per_second').median:.0f}",
                *(f"{seen.spread(setting, side, name).median:.2f}" for name in ("median_ms", "p99_ms")),
                *(
                    "" if direct else f"{seen.added(setting, side, name).median:.2f}"
                    for name in ("median_ms", "p99_ms", "first_ms")
                ),
                f"{seen.spread(setting, side, 'cpu_ms').median:.2f}",
            )
    resident = ", ".join(f"{side} {mib:.0f} MiB" for side, mib in seen.resident_mib.items())
    made.caption = (
        f"Resident memory after the load: {resident}.\n"
        f"CPU of a progressive answer of {POINTS} points: {Spread.of(seen.progressive_ms)} ms, "
        f"with a chunk for every word {Spread.of(seen.wordwise_ms)} ms,\n"
        f"with a second candidate for passages on idle slots {Spread.of(seen.candidates_ms)} ms."
    )
    made.caption_justify = "left"
    return made


def _count(seen: Comparison) -> int:
    return len(next(iter(seen.rounds[SETTINGS[0]].values())))


def write(out: Path, seen: Comparison, litellm_version: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    taken = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()),
        "chunks": CHUNKS,
        "litellm": litellm_version,
    }
    (out / "gateway.json").write_text(json.dumps(taken | seen.as_data(), indent=1) + "\n", encoding="utf-8")
    groups = {
        str(setting): {side: seen.spread(setting, side, "per_second").median for side in seen.rounds[setting]}
        for setting in SETTINGS
    }
    plot = bars_svg(f"Answers of {CHUNKS} chunks a second", "requests/s, logarithmic", groups)
    (out / "gateway.svg").write_text(plot, encoding="utf-8")
