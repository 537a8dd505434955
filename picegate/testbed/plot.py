"""A small plot without a plotting library: distributions as steps, in SVG."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 56, 44, 36
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")


def distribution_svg(title: str, unit: str, series: Mapping[str, Sequence[float]]) -> str:
    """The share of samples at or below each value, one step line per series; the axis ends at the 99th percentile."""
    ordered = {name: sorted(values) for name, values in series.items()}
    end = max(values[min(len(values) - 1, int(len(values) * 0.99))] for values in ordered.values()) * 1.05 or 1.0
    plot_w, plot_h = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return round(LEFT + min(value, end) / end * plot_w, 1)

    def y(share: float) -> float:
        return round(TOP + (1 - share) * plot_h, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"',
        '  font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for tick in range(6):
        value = end * tick / 5
        parts.append(f'<line x1="{x(value)}" y1="{y(0)}" x2="{x(value)}" y2="{y(1)}" stroke="#eee"/>')
        parts.append(f'<text x="{x(value)}" y="{y(0) + 16}" text-anchor="middle">{value:.3g}</text>')
    for share in (0, 0.5, 1):
        parts.append(f'<line x1="{LEFT}" y1="{y(share)}" x2="{x(end)}" y2="{y(share)}" stroke="#ccc"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>')
    parts.append(f'<text x="{LEFT + plot_w / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(unit)}</text>')
    for number, (name, values) in enumerate(ordered.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [f"{x(0)},{y(0)}"]
        for index, value in enumerate(values):
            points += [f"{x(value)},{y(index / len(values))}", f"{x(value)},{y((index + 1) / len(values))}"]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{WIDTH - 110}" y="{y(0.3) + 18 * number}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])
