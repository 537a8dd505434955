"""The demo's parts that need no model: programs that start and end, replies with their writers, measurements, plots."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import anyio.to_thread
import pytest
from openai import OpenAI

from picegate.testbed.asking import Told, stream
from picegate.testbed.cluster import cluster
from picegate.testbed.plot import distribution_svg
from picegate.testbed.programs import Program, ProgramFailed


def test_a_program_is_waited_for_and_ended(tmp_path: Path) -> None:
    program = Program("cloud", ["python", "-m", "picegate.testbed.fast_cloud", "5"], log=tmp_path / "log")
    try:
        assert program.listening(20.0).startswith("http://127.0.0.1:")
        assert program.running
    finally:
        program.end()
    assert not program.running


def test_a_program_that_fails_says_its_last_line(tmp_path: Path) -> None:
    program = Program("gateway", ["picegate", "serve", "--config", "nowhere.toml"], log=tmp_path / "log")
    with pytest.raises(ProgramFailed, match=r"gateway ended with status 2: .*nowhere\.toml"):
        program.listening(20.0)


def test_a_programs_settings_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICEGATE_CLOUD__MODEL", "the caller's")
    program = Program("gateway", ["picegate", "serve"], log=tmp_path / "log")
    with pytest.raises(ProgramFailed, match="cloud"):
        program.listening(20.0)


async def test_a_streamed_answer_tells_its_writers_in_reading_order() -> None:
    async with cluster(progressive={"show_sketch": True}) as c:

        def ask() -> Told:
            with OpenAI(base_url=c.url, api_key="none", max_retries=0) as client:
                return stream(
                    client, "pice-progressive", "How do I handle stress?", {"max_tokens": 900}, lambda _: None
                )

        told = await anyio.to_thread.run_sync(ask)
    writers = [writer for writer, _ in told.parts]
    assert writers[0] == writers[-1] == "cloud"
    assert set(writers) == {"cloud", *told.pice["nodes"]}
    for writer, text in told.parts:
        assert writer == "cloud" or f"[{writer}]" in text
    assert told.sketch.count(">>") == 3
    assert told.headers["x-pice-mode"] == "progressive"


def test_the_plot_is_well_formed_and_names_its_series() -> None:
    svg = distribution_svg("a < b", "ms", {"direct": [1.0, 2.0, 3.0], "gateway": [2.0, 2.5, 9.0]})
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]
    assert {"a < b", "direct", "gateway", "ms"} <= set(texts)
