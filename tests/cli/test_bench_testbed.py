"""`picegate bench ...` on the emulated testbed: what it prints, what it refuses."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from picegate.cli.main import app
from picegate.cli.testbed.stage import count, differs, file_name, set_up
from picegate.testbed.emulated.profile import known
from tests.cli.running import DEADLINE_S, environment

runner = CliRunner()


def bench(*words: str) -> tuple[int, str]:
    result = runner.invoke(app, ["bench", *words])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("trial", "--load", "-3"), "--load"),
        (("trial", "--load", "nan"), "--load"),
        (("trial", "--load", "inf"), "--load"),
        (("trial", "--seconds", "nan"), "--seconds"),
        (("trial", "--seconds", "inf"), "--seconds"),
        (("trial", "--die", "nan"), "--die"),
        (("trial", "--slowness", "inf"), "--slowness"),
        (("trial", "--straggler", "nan"), "--straggler"),
        (("trial", "--die", "0.6", "--stall", "0.6"), "together at most 1"),
        (("trial", "--policy", "edge", "--edges", "0"), "there are no edges"),
        (("trial", "--prompts", "mine.jsonl", "--workload", "vicuna80"), "give one of them"),
        (("ensembles", "--edges", "0"), "--edges"),
        (("ablations", "--edges", "0"), "--edges"),
        (("headline", "--seconds", "nan"), "--seconds"),
        (("sweep", "load", "--load", "50"), "--load is what a sweep over load varies"),
        (("sweep", "edges", "--edges", "8"), "--edges is what a sweep over edges varies"),
        (("sweep", "edges", "--tries", "3"), "needs --throughput"),
        (("trial", "--cloud", "abacus"), "no profile is called 'abacus'"),
        (("trial", "--edge", "headline-cloud"), "but one of an edge is wanted"),
        (("trial", "--workload", "chess"), "no workload is called 'chess'"),
        (("trial", "--policy", "best"), "no policy is called 'best'"),
        (("trial", "--prompts", "nowhere.jsonl"), "cannot read nowhere.jsonl"),
        (("sweep", "colour"), "nothing called 'colour' can be swept"),
        (("sweep", "edges", "--load", "0"), "--load"),
        (("sweep", "load", "--throughput"), "there is no throughput to search"),
        (("headline", "--policy", "best"), "no policy is called 'best'"),
        (("headline", "--edge", "abacus"), "no profile is called 'abacus'"),
        (("ablations", "--policy", "auto-no-brakes"), "no policy is called 'auto-no-brakes'"),
        (("ablations", "--workload", "chess"), "no workload is called 'chess'"),
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


def test_a_broken_profile_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "mine"\nkind = "edge"\n[engine]\nslots = 0\n')
    status, output = bench("trial", "--edge", str(path))
    assert status == 2
    assert "engine.slots: Input should be greater than or equal to 1" in " ".join(output.split())


def test_figures_of_a_profile_are_finite(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    shipped = known()["headline-orin"].read_text()
    path.write_text(shipped.replace("base_ms = 36.0", "base_ms = inf"))
    status, output = bench("trial", "--edge", str(path))
    assert status == 2
    assert "engine.base_ms: Input should be a finite number" in " ".join(output.split())


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = bench("sweep", "edges", "--out", str(tmp_path / "file" / "results"))
    assert status == 2
    assert "file/results: Not a directory" in output
    assert "trial 1" not in output


@pytest.mark.parametrize(
    ("options", "differences", "name"),
    [
        ({}, (), "headline"),
        ({"mix": "vicuna80"}, (differs(120.0, 120.0, "s"), differs(None, 4, "edges")), "headline"),
        ({"mix": "japanese"}, ("quick",), "headline-japanese-quick"),
        ({"edge": "agx-orin-1.5b", "mix": "short-chat"}, (), "headline-short-chat-agx-orin-1.5b"),
        ({}, (differs(62.5, unit="per-minute"), "", differs(30.0, 120.0, "s")), "headline-62.5-per-minute-30-s"),
        ({}, (count(["auto", "cloud", "auto"]),), "headline-2-policies"),
    ],
)
def test_results_are_named_after_what_is_not_the_default(
    options: dict[str, str], differences: tuple[str, ...], name: str
) -> None:
    assert file_name("headline", set_up(**options), *differences) == name  # type: ignore[arg-type]


def test_no_edges_at_all_are_swept_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "Why is the sky blue?", "words": 200}\n')
    words = ("--edges", "0", "--seconds", "5", "--load", "24", "--prompts", str(path), "--out", str(tmp_path))
    status, output = bench("sweep", "cloud-rtt", "--policy", "auto", "--policy", "cloud", *words)
    assert status == 0, output
    assert "over the best of cloud, worst at cloud-rtt" in output
    name = "sweep-cloud-rtt-mine-24-per-minute-0-edges-5-s-2-policies"
    written = json.loads((tmp_path / f"{name}.json").read_text())
    assert written["interrupted"] is False
    assert {trial["edges"] for trial in written["trials"]} == {0}
    assert {bound["gain"] for bound in written["bounds"]} == {1.0}
    assert "EMULATED" in (tmp_path / f"{name}.html").read_text()


def test_an_interrupted_bench_writes_what_it_has_and_says_so(tmp_path: Path) -> None:
    words = ["bench", "sweep", "edges", "--seconds", "20", "--load", "12", "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "picegate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    ) as process:
        assert process.stdout is not None
        said = ""
        while "trial 2 of" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=DEADLINE_S)[0]
    assert process.returncode == 130, said
    assert "interrupted: this is what there is so far" in said
    assert "Traceback" not in said
    assert "MISSED" not in said
    assert "nan" not in said
    name = "sweep-edges-12-per-minute-20-s-interrupted"
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.json", f"{name}.html"}
    written = json.loads((tmp_path / f"{name}.json").read_text())
    assert written["interrupted"] is True
    assert 2 <= len(written["trials"]) < 24
    assert [(bar["figure"], bar["met"]) for bar in written["bars"]] == [(None, None)] * 2
    assert "Stopped early" in (tmp_path / f"{name}.html").read_text()


@pytest.mark.parametrize("command", ["headline", "sweep", "ablations", "trial"])
def test_what_is_emulated_can_be_chosen_for_every_bench(command: str) -> None:
    result = runner.invoke(app, ["bench", command, "--help"], env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
    assert result.exit_code == 0
    for option in ("--cloud", "--edge", "--workload", "--prompts"):
        assert option in result.output


def test_profiles_are_listed_with_their_sources() -> None:
    status, output = bench("profiles")
    assert status == 0
    assert "headline-orin: step: assumption of the headline testbed" in output
