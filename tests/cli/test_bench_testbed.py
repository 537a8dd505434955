"""`picegate bench ...` on the emulated testbed: what it prints, what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from picegate.cli.main import app

runner = CliRunner()


def bench(*words: str) -> tuple[int, str]:
    result = runner.invoke(app, ["bench", *words])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("trial", "--load", "-3"), "cannot be offered"),
        (("trial", "--cloud", "abacus"), "no profile is called 'abacus'"),
        (("trial", "--edge", "headline-cloud"), "but one of an edge is wanted"),
        (("trial", "--workload", "chess"), "no workload is called 'chess'"),
        (("trial", "--policy", "best"), "no policy is called 'best'"),
        (("trial", "--prompts", "nowhere.jsonl"), "cannot read nowhere.jsonl"),
        (("sweep", "colour"), "nothing called 'colour' can be swept"),
        (("headline", "--policy", "best"), "no policy is called 'best'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(words: tuple[str, ...], reason: str) -> None:
    status, output = bench(*words)
    assert status == 2
    assert reason in output


def test_a_broken_line_of_prompts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "Why?"}\n{"prompt": 3}\n')
    status, output = bench("trial", "--prompts", str(path))
    assert status == 2
    assert "mine.jsonl:2: prompt" in output


def test_a_trial_without_edges_says_that_it_is_emulated(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "Why is the sky blue?", "words": 30}\n')
    asked = ("trial", "--edges", "0", "--seconds", "10", "--load", "30", "--prompts", str(path))
    status, output = bench(*asked)
    assert status == 0
    assert "EMULATED" in output
    assert "assumption of the headline testbed" in output
    status, output = bench(*asked, "--json")
    assert status == 0
    assert json.loads(output)["emulated"] is True


def test_profiles_are_listed_with_their_sources() -> None:
    status, output = bench("profiles")
    assert status == 0
    assert "headline-orin: step: assumption of the headline testbed" in output
