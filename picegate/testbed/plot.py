"""Small plots without a plotting library, in SVG: distributions as steps, figures as lines."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, isfinite, log10

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 56, 44, 36
LEGEND = 130
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")


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


def round_ticks(most: float) -> list[float]:
    """From 0 to at least `most` in four to ten equal steps of 1, 2 or 5 times a power of ten."""
    most = most if most > 0 else 1.0
    power = 10.0 ** floor(log10(most / 4))
    step = next(power * times for times in (5, 2, 1) if power * times <= most / 4)
    return [round(step * tick, 10) for tick in range(ceil(most / step - 1e-9) + 1)]


def lines_svg(
    title: str,
    x_unit: str,
    y_unit: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    even: bool = False,
) -> str:
    """One line with dots per series of (x, y), axes from 0; points that are not finite are left out.

    `even`: the values of x stand side by side at equal distances, whatever they are.
    """
    kept = {name: sorted((x, y) for x, y in points if isfinite(x) and isfinite(y)) for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if points}
    values = sorted({x for points in kept.values() for x, _ in points})
    if even:
        kept = {name: [(values.index(x) + 0.5, y) for x, y in points] for name, points in kept.items()}
        x_ticks = [(place + 0.5, value) for place, value in enumerate(values)]
        end_x = float(len(values)) or 1.0
    else:
        x_ticks = [(tick, tick) for tick in round_ticks(max(values, default=1.0))]
        end_x = max(x_ticks[-1][0], max(values, default=1.0) * 1.02)
    y_ticks = round_ticks(max((y for points in kept.values() for _, y in points), default=1.0))
    end_y = y_ticks[-1]
    plot_w, plot_h = WIDTH - LEFT - LEGEND, HEIGHT - TOP - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return round(LEFT + x / end_x * plot_w, 1), round(TOP + (1 - y / end_y) * plot_h, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"',
        '  font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}, {escape(y_unit)}</text>',
    ]
    for place, value in x_ticks:
        x, bottom = at(place, 0)
        parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#eee"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for tick in y_ticks:
        left, y = at(0, tick)
        parts.append(f'<line x1="{left}" y1="{y}" x2="{LEFT + plot_w}" y2="{y}" stroke="#eee"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{LEFT + plot_w / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_unit)}</text>')
    for number, (name, points) in enumerate(kept.items()):
        colour = COLOURS[number % len(COLOURS)]
        dots = [at(x, y) for x, y in points]
        path = " ".join(f"{x},{y}" for x, y in dots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in dots]
        parts.append(
            f'<text x="{WIDTH - LEGEND + 8}" y="{TOP + 12 + 18 * number}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def bars_svg(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars of positive figures in named groups, on a logarithmic axis; the same series have one colour."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values()]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    high = max(high, low + 1)
    thick, gap, left, right = 16, 14, 150, 70
    plot_w = WIDTH - left - right
    height = TOP + sum(len(group) * thick + gap for group in groups.values()) + BOTTOM

    def width(value: float) -> float:
        return round((log10(value) - low) / (high - low) * plot_w, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        '  font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        x = round(left + (power - low) / (high - low) * plot_w, 1)
        parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{height - BOTTOM}" stroke="#eee"/>')
        parts.append(f'<text x="{x}" y="{height - BOTTOM + 16}" text-anchor="middle">{10.0**power:g}</text>')
    parts.append(f'<text x="{left + plot_w / 2}" y="{height - 8}" text-anchor="middle">{escape(unit)}</text>')
    y = float(TOP)
    for label, group in groups.items():
        middle = y + len(group) * thick / 2 + 4
        parts.append(f'<text x="{left - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
        for name, value in group.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(f'<rect x="{left}" y="{y}" width="{width(value)}" height="{thick - 3}" fill="{colour}"/>')
            shown = f"{escape(name)} {value:,.0f}"
            parts.append(f'<text x="{left + width(value) + 4}" y="{y + 11}" font-size="11">{shown}</text>')
            y += thick
        y += gap
    return "\n".join([*parts, "</svg>\n"])


def amounts_svg(title: str, amounts: Mapping[str, float]) -> str:
    """A horizontal bar per name on an axis from 0; the first is what the others are compared with. All are finite."""
    thick, left, right = 22, 150, 110
    plot_w, height = WIDTH - left - right, TOP + 22 * len(amounts) + 12
    first, end = next(iter(amounts.values())), max(amounts.values()) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"',
        '  font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    for row, (name, amount) in enumerate(amounts.items()):
        y, long = TOP + row * thick, round(amount / end * plot_w, 1)
        digits = 3 if amount < 1 else 2 if amount < 10 else 1
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect x="{left}" y="{y}" width="{long}" height="{thick - 5}" fill="{COLOURS[-1 if row else 0]}"/>'
        )
        differs = round(100 * (amount / first - 1)) if first else 0
        beside = f" ({differs:+d} %)" if differs else ""
        parts.append(f'<text x="{left + long + 6}" y="{y + 13}">{amount:.{digits}f}{beside}</text>')
    return "\n".join([*parts, "</svg>\n"])
