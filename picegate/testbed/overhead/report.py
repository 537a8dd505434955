"""The gateway's bench as a table, as JSON and as a plot."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from picegate.testbed.fast_cloud import CHUNKS
from picegate.testbed.overhead.figures import SETTINGS, Comparison
from picegate.testbed.plot import bars_svg

_COLUMNS = ("requests/s", "median, ms", "p99, ms", "added median", "added p99", "first bytes added", "CPU, ms")


def table(seen: Comparison, litellm_version: str) -> Table:
    title = (
        f"an answer of {CHUNKS} chunks from a fake upstream on this machine; median over rounds (lowest to highest)\n"
        f"LiteLLM {litellm_version}: one worker, key checked; picegate: one worker, key, ledger, metrics and log\n"
        "direct: load generator and upstream alone, the most that could be measured here"
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
                *(str(seen.spread(setting, side, name)) for name in ("per_second", "median_ms", "p99_ms")),
                *(
                    "" if direct else f"{seen.added(setting, side, name).median:.3g}"
                    for name in ("median_ms", "p99_ms", "first_ms")
                ),
                f"{seen.spread(setting, side, 'cpu_ms').median:.3g}",
            )
    resident = ", ".join(f"{side} {mib:.0f} MiB" for side, mib in seen.resident_mib.items())
    made.caption = f"resident memory after the load: {resident}"
    made.caption_justify = "left"
    return made


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
