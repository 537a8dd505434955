"""What every result has: its bars, where it was made, and whether it can be trusted."""

import math
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from picegate.testbed.bench.bars import Bar
from picegate.testbed.bench.trial import Trial

_STYLES = {True: None, False: "red", None: "yellow"}
LATE_SHARE = 0.02  # of engine steps; beyond it figures are not to be trusted


def lag_warning(trials: Iterable[Trial]) -> str:
    """Empty where the emulation kept up."""
    late = max((trial.figures.late_share for trial in trials), default=0.0)
    worst = max((trial.figures.worst_lag_s for trial in trials), default=0.0)
    if late <= LATE_SHARE and worst <= 1.0:
        return ""
    return (
        f"DO NOT TRUST THESE FIGURES: this machine was too busy for the emulation; {late:.1%} of its steps ended late, "
        f"the worst by {worst:.2f} s"
    )


def show_bars(console: Console, bars: Sequence[Bar]) -> None:
    for bar in bars:
        console.print(bar.told, style=_STYLES[bar.met])


def about(assumptions: Sequence[str]) -> dict[str, Any]:
    return {
        "emulated": True,
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "assumptions": list(assumptions),
    }


def bar_data(bars: Sequence[Bar]) -> list[dict[str, Any]]:
    return [
        {
            "name": bar.name,
            "figure": bar.figure,
            "bar": bar.bar,
            "at_least": bar.at_least,
            "spread": bar.spread,
            "met": bar.met,
        }
        for bar in bars
    ]


def plain(data: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
