"""The line that is logged per request."""

import json
import logging
from collections.abc import Iterator

import pytest

from picegate.core.events import Finished
from picegate.core.usage import Tally
from picegate.settings import LoggingSettings
from picegate.telemetry.logs import RequestLog, configure
from tests.unit.happenings import ask, progressive_events, tell


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_request_is_one_line_with_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingSettings())
    tell(RequestLog().listen, ask(), progressive_events())
    line = logged(capsys)
    assert line.count("\n") == 1
    assert "[req-1]" in line
    assert "progressive-2 (long_answer) stop: 360 tokens, cloud wrote 100, edge 300 on nano-1, nano-2" in line


def test_a_json_line_carries_the_figures_as_members(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingSettings(format="json"))
    tell(RequestLog().listen, ask(), progressive_events())
    line = json.loads(logged(capsys))
    assert line["request_id"] == "req-1"
    assert line["level"] == "info"
    assert (line["mode"], line["sketch_level"], line["edge_tokens"]) == ("progressive", 2, 300)
    assert line["nodes"] == ["nano-1", "nano-2"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_text_of_a_request_is_logged(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingSettings(format=form, level="debug"))
    tell(RequestLog().listen, ask(), progressive_events())
    line = logged(capsys)
    assert line
    assert "secret" not in line
    assert "passage" not in line


def test_a_failed_request_is_a_warning_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingSettings(level="warning"))
    log = RequestLog()
    tell(log.listen, ask(), progressive_events())
    log.listen(ask("req-2"), Finished("error", Tally(), "cloud_timeout"))
    line = logged(capsys)
    assert "req-1" not in line
    assert "error cloud_timeout" in line
    assert "first never" in line


def test_a_traceback_stays_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LoggingSettings(format="json"))
    try:
        raise RuntimeError("out of\nluck")
    except RuntimeError:
        logging.getLogger("picegate.test").exception("it broke")
    line = json.loads(logged(capsys))
    assert line["message"] == "it broke"
    assert "out of\nluck" in line["error"]
