"""What the reader gets to see and to keep."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from edge_agent.bench import plot, report
from edge_agent.bench.sections.mixed import Mixed, Stream


def test_a_plot_is_whole_svg_whatever_the_names_hold() -> None:
    rates = plot.lines("a < b", "points", {"<ours>": {1: 20.0, 8: 90.0}, "other & co": {1: 25.0}})
    firsts = plot.shares("first", "s", {"one": [0.5, 0.1, 0.9], "two": [1.0]})
    root = ElementTree.fromstring(plot.svg([rates, firsts]))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "<ours>", "other & co", "first", "one", "two"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 4


def test_a_line_rises_with_its_values() -> None:
    panel = ElementTree.fromstring(f"<svg>{plot.lines('t', 'n', {'one': {1: 10.0, 8: 90.0}})}</svg>")
    drawn = panel.find("polyline")
    assert drawn is not None
    (x1, y1), (x2, y2) = [tuple(map(float, point.split(","))) for point in drawn.attrib["points"].split()]
    assert x1 < x2
    assert y1 > y2  # SVG counts downwards


def test_results_are_kept_as_json_with_their_bars_and_a_plot(tmp_path: Path) -> None:
    stream = Stream(60.0, 10.0, 600, 0, 2.0, (1.0, 2.0, 3.0))
    results: dict[str, report.Result] = {"mixed": Mixed(3, 100.0, stream, stream, stream)}
    bars = results["mixed"].bars
    written = report.write(tmp_path, report.data(results, bars, {"engine": "x"}, {"threads": 2}), results)
    assert [path.name for path in written] == ["engine.json", "engine.svg"]
    told = json.loads(written[0].read_text())
    first = told["bars"][0]
    assert (first["figure"], first["limit"], first["met"]) == (1.0, 1.5, False)
    assert first["remark"] == "weights as packed 1"
    assert told["mixed"]["engine"]["median_first_s"] == 2.0
    ElementTree.fromstring(written[1].read_text())
