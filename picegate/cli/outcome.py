"""What a request came to, in a few lines: times, tokens, money, and what had been expected."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from picegate.cli.lane import Marks
from picegate.cli.weighed import weighed
from picegate.core.usage import STALL_S

GAP = "   "
Figure = tuple[str, str]  # what it is, and the figure itself


def outcome(record: Mapping[str, Any], width: int) -> list[Text]:
    lines = flow([*_end(record), *_times(record)], width)
    lines += [*flow(_tokens(record), width), *flow(_money(record), width)]
    lines += flow(_expected(record), width, faint=True)
    options = (record["forecast"] or {}).get("options")
    return lines + ([Text(), *weighed(options, record)] if options else [])


def legend(drawn: str, width: int, marks: Marks) -> list[Text]:
    """What those of the marks mean that were `drawn`."""
    meanings = (
        (marks.waits, "waits"),
        (marks.reads, "reads the prompt"),
        (marks.first, "first token"),
        (marks.writes, "writes"),
        (marks.lost, "writes what was not kept"),
        (marks.turn, "the reader comes to it"),
        (marks.stopped, "stopped"),
        (marks.failed, "failed"),
    )
    return flow([(mark, meaning) for mark, meaning in meanings if mark in drawn], width, faint=True)


def flow(figures: Sequence[Figure], width: int, *, faint: bool = False) -> list[Text]:
    """The figures one after another, in as many lines as they need; none is torn."""
    lines: list[Text] = []
    for label, figure in figures:
        piece = Text.assemble((f"{label} ", "dim"), (figure, "dim" if faint else "bold"))
        if lines and lines[-1].cell_len + len(GAP) + piece.cell_len <= width:
            lines[-1].append(GAP).append_text(piece)
        else:
            lines.append(piece)
    return lines


def _end(record: Mapping[str, Any]) -> list[Figure]:
    if record["finish_reason"] in ("error", "cancelled"):
        return [("ended", " ".join(part for part in (record["finish_reason"], record["error"]) if part))]
    return []


def _times(record: Mapping[str, Any]) -> list[Figure]:
    first_s = record["first_token_s"]
    figures = [("first token", "never" if first_s is None else _seconds(first_s))]
    if first_s is not None:
        figures.append(("longest pause", _stall(record)))
    return [*figures, ("whole answer", _seconds(record["total_s"]))]


def _stall(record: Mapping[str, Any]) -> str:
    if not record["stalls"]:
        return f"under {STALL_S:g} s"
    longest = record["stalls"][0]
    points = [passage["point"] for passage in record["passages"] if passage["segment"] == longest["segment"]]
    where = f" in passage {points[0] + 1}" if points else ""
    return f"{_seconds(longest['longest_s'])} at {_seconds(longest['from_s'])}{where}"


def _tokens(record: Mapping[str, Any]) -> list[Figure]:
    return [
        ("answer", f"{record['completion_tokens']} tok"),
        ("cloud wrote", f"{record['cloud_completion_tokens']} tok"),
        ("edges wrote", f"{record['edge_completion_tokens']} tok"),
    ]


def _money(record: Mapping[str, Any]) -> list[Figure]:
    cost, alone, currency = record["cost"], record["cloud_only_cost"], record["currency"]
    if not cost and not alone:
        return []
    figures = [("cost", f"{cost:.6f} {currency}")]
    if alone and alone != cost:
        what = "saved about" if cost < alone else "dearer than the cloud alone by about"
        figures.append((what, f"{abs(alone - cost):.6f} {currency} ({abs(1 - cost / alone):.0%})"))
    return figures


def _expected(record: Mapping[str, Any]) -> list[Figure]:
    forecast = record["forecast"]
    if forecast is None:
        return []
    middle, low, high = (forecast[f"answer_tokens_{share}"] for share in ("p50", "p10", "p90"))
    figures = [("expected:", f"{middle} tok ({low} to {high})")]
    if forecast["first_token_s"] is not None:
        figures.append(("first token", _seconds(forecast["first_token_s"])))
    if forecast["finish_s"] is not None:
        figures.append(("whole answer", _seconds(forecast["finish_s"])))
    return figures + (_weighed_by(forecast) if forecast["options"] else [])


def _weighed_by(forecast: Mapping[str, Any]) -> list[Figure]:
    numbers = forecast["numbers"]
    cloud_ms, edge_ms = (numbers[f"{side}_price_ms"] for side in ("cloud", "edge"))
    figures = [
        ("can be delegated", f"{forecast['delegable']:.0%}, of it {forecast['chained']:.0%} in one piece"),
        ("a token delays others by", f"{cloud_ms:g} ms in the cloud, {edge_ms:g} ms on the edge"),
    ]
    if numbers["spared_s"]:
        figures.append(("the cloud's queue is spared", _seconds(numbers["spared_s"])))
    return figures


def _seconds(value: float) -> str:
    return f"{value:.2f} s"
