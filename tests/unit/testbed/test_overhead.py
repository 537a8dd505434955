"""The figures of the gateway's bench: what is compared with what, and what a bar says."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from rich.console import Console

from picegate.testbed.overhead.figures import SETTINGS, Comparison, Round, Setting, Spread
from picegate.testbed.overhead.report import table, write
from picegate.testbed.plot import bars_svg


def rounds(per_second: float, median_ms: float, *, first_ms: float = 0.1) -> list[Round]:
    return [Round(per_second * wave, median_ms, 2 * median_ms, first_ms, 0.5, 100) for wave in (1.0, 1.1, 0.9)]


def comparison(**changed: object) -> Comparison:
    sides = {"direct": rounds(9000, 0.2), "LiteLLM": rounds(50, 18.0), "picegate": rounds(1000, 0.9, first_ms=0.8)}
    given: dict[str, object] = {
        "rounds": dict.fromkeys(SETTINGS, sides),
        "resident_mib": {"direct": 30.0, "LiteLLM": 400.0, "picegate": 90.0},
        "progressive_ms": [7.0, 8.0, 9.0],
        "wordwise_ms": [11.0],
        "candidates_ms": [13.0],
        "asked": 300,
        "recorded": 300,
    }
    return Comparison(**{**given, **changed})  # type: ignore[arg-type]


def missed(seen: Comparison) -> list[str]:
    return [bar.name for bar in seen.bars if not bar.met]


def test_good_figures_meet_every_bar() -> None:
    assert missed(comparison()) == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"resident_mib": {"direct": 30.0, "LiteLLM": 200.0, "picegate": 90.0}}, "memory"),
        ({"progressive_ms": [9.0, 11.0, 12.0]}, "progressive"),
        ({"recorded": 299}, "ledger"),
    ],
)
def test_a_figure_beyond_its_bar_is_missed_and_named(changed: dict[str, object], name: str) -> None:
    (bar,) = missed(comparison(**changed))
    assert name in bar


def test_what_a_side_adds_is_counted_round_by_round() -> None:
    seen = comparison()
    alone = Setting(stream=True, connections=1)
    assert seen.added(alone, "picegate", "first_ms").median == pytest.approx(0.7)
    assert seen.added(alone, "LiteLLM", "p99_ms").median == pytest.approx(35.6)
    assert seen.times(alone) == Spread(20.0, 20.0, 20.0)


def test_a_round_is_read_from_what_was_timed() -> None:
    seen = Round.of([0.001 * n for n in range(1, 101)], [0.001] * 100, seconds=2.0, cpu_s=0.05)
    assert (seen.per_second, seen.answers) == (50.0, 100)
    assert (seen.median_ms, seen.p99_ms) == pytest.approx((50.5, 100.0))
    assert (seen.first_ms, seen.cpu_ms) == pytest.approx((1.0, 0.5))


def test_the_report_says_what_was_measured_and_that_the_upstream_is_fake(tmp_path: Path) -> None:
    console = Console(record=True, width=120)
    console.print(table(comparison(), "1.2.3"))
    said = console.export_text()
    for part in ("FAKE", "LiteLLM 1.2.3", "16 connections", "medians of 3 rounds", "400 MiB"):
        assert part in said
    write(tmp_path, comparison(), "1.2.3")
    assert '"litellm": "1.2.3"' in (tmp_path / "gateway.json").read_text()
    ElementTree.fromstring((tmp_path / "gateway.svg").read_text())


def test_bars_are_drawn_to_a_logarithmic_scale() -> None:
    drawn = ElementTree.fromstring(
        bars_svg("a < b", "per second", {"one": {"x": 10.0, "y": 1000.0}, "two": {"x": 100}})
    )
    widths = [float(each.attrib["width"]) for each in drawn.iter() if each.tag.endswith("rect")][1:]
    assert widths[0] == 0
    assert widths[1] == pytest.approx(2 * widths[2], abs=0.2)
