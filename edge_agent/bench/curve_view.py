"""A measured curve for people: a table with bars, and an SVG."""

from collections.abc import Sequence
from pathlib import Path

from rich.bar import Bar
from rich.table import Table

from edge_agent.bench import plot
from edge_agent.bench.bars import Spread
from edge_agent.bench.curve import Samples
from edge_agent.errors import ConfigError

BAR_WIDTH = 40  # characters


def table(samples: Samples) -> Table:
    """Medians, lowest and highest. Bars have one scale: that of the fastest decode, all sequences together."""
    info = samples.info
    shown = Table(
        title=f"{info.name}, {info.engine}: tokens/s, medians (lowest to highest)", title_justify="left", box=None
    )
    for column in ("", "together", "", "each", ""):
        shown.add_column(column, justify="right" if column else "left")
    if samples.prefill:
        shown.add_row("prefill", *_figures(samples.prefill))
    medians = _medians(samples)
    for count, median in medians.items():
        bar = Bar(size=max(medians.values()), begin=0, end=median, width=BAR_WIDTH)
        shown.add_row(f"decode, {count} at once", *_figures(samples.decode[count]), f"{median / count:.1f}", bar)
    return shown


def draw(samples: Samples, file: Path) -> None:
    """Write the curve as SVG.

    Raises:
        ConfigError: no decode was measured, or the file cannot be written.
    """
    if not samples.decode:
        raise ConfigError(f"--plot: no decode was measured, {file} is not written")
    try:
        file.write_text(svg(samples), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--plot: cannot write {file}: {error.strerror}") from error


def svg(samples: Samples) -> str:
    """Two panels: decode of all together, and of each. At least one decode was measured."""
    medians = _medians(samples)
    prefill = f", prefill {Spread.of(samples.prefill).median:.0f}" if samples.prefill else ""
    each = {count: median / count for count, median in medians.items()}
    across = "answers at once"
    return plot.svg(
        [
            plot.lines(f"Decode together: tokens/s{prefill}", across, {samples.info.name: medians}),
            plot.lines("Decode of each: tokens/s", across, {samples.info.name: each}),
        ]
    )


def _medians(samples: Samples) -> dict[int, float]:
    return {count: Spread.of(rates).median for count, rates in sorted(samples.decode.items())}


def _figures(rates: Sequence[float]) -> tuple[str, str]:
    spread = Spread.of(rates)
    return f"{spread.median:.1f}", f"({spread.low:.1f} to {spread.high:.1f})"
