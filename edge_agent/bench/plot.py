"""The two pictures of a run as one SVG, without a plotting library: rate by points at once, and first tokens."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 460, 380  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 40, 126
NAME_LINE = 14  # height of a line's name below the plot
COLOURS = ("#1f77b4", "#d62728", "#ff7f0e", "#2ca02c", "#9467bd")

Point = tuple[float, float]


def svg(panels: Sequence[str]) -> str:
    """The panels side by side."""
    width = WIDTH * len(panels)
    moved = [f'<g transform="translate({WIDTH * n},0)">\n{panel}\n</g>' for n, panel in enumerate(panels)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="12">', f'<rect width="{width}" height="{HEIGHT}" fill="white"/>', *moved, "</svg>\n"]
    )


def lines(title: str, across: str, series: Mapping[str, Mapping[int, float]]) -> str:
    """One line per series, its values over counts that stand evenly apart."""
    counts = sorted({count for values in series.values() for count in values})
    places = {count: n / max(1, len(counts) - 1) for n, count in enumerate(counts)}
    top = max(value for values in series.values() for value in values.values()) * 1.1
    ticks = [(places[count], str(count)) for count in counts]
    drawn = {name: [(places[n], values[n] / top) for n in sorted(values)] for name, values in series.items()}
    return _panel(title, across, ticks, [(share, f"{share * top:.3g}") for share in (0, 0.25, 0.5, 0.75, 1)], drawn)


def shares(title: str, across: str, series: Mapping[str, Sequence[float]]) -> str:
    """The share of samples at or below each value, one step line per series."""
    end = max(max(values) for values in series.values()) * 1.05 or 1.0
    drawn: dict[str, list[Point]] = {}
    for name, values in series.items():
        drawn[name] = [(0.0, 0.0)]
        for n, value in enumerate(sorted(values)):
            drawn[name] += [(value / end, n / len(values)), (value / end, (n + 1) / len(values))]
    ticks = [(share, f"{share * end:.3g}") for share in (0, 0.25, 0.5, 0.75, 1)]
    return _panel(title, across, ticks, [(share, f"{share:.0%}") for share in (0, 0.5, 1)], drawn)


def _panel(
    title: str,
    across: str,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    series: Mapping[str, Sequence[Point]],
) -> str:
    """Everything in shares of the plot: (0, 0) lower left, (1, 1) upper right."""
    parts = [f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>']
    for share, name in x_ticks:
        parts.append(f'<line x1="{_x(share)}" y1="{_y(0)}" x2="{_x(share)}" y2="{_y(1)}" stroke="#eee"/>')
        parts.append(f'<text x="{_x(share)}" y="{_y(0) + 16}" text-anchor="middle">{escape(name)}</text>')
    for share, name in y_ticks:
        parts.append(f'<line x1="{_x(0)}" y1="{_y(share)}" x2="{_x(1)}" y2="{_y(share)}" stroke="#ccc"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{_y(share) + 4}" text-anchor="end">{escape(name)}</text>')
    parts.append(f'<text x="{_x(0.5)}" y="{_y(0) + 34}" text-anchor="middle">{escape(across)}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = _y(0) + 54 + NAME_LINE * number
        parts.append(f'<text x="{LEFT}" y="{at}" fill="{colour}" font-size="11">{escape(name)}</text>')
    return "\n".join(parts)


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)
