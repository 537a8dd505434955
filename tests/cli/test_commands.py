"""The commands that need no running gateway."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from picegate.cli.meanings import MEANINGS
from tests.cli.conftest import Config
from tests.cli.running import environment, run

NODE = '[[nodes]]\nname = "nano"\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\nslots = 4'


def test_the_console_script_is_installed_and_tells_its_version() -> None:
    script = Path(sys.executable).parent / "picegate"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == f"picegate {version('picegate')}\n"


def test_help_names_every_command() -> None:
    shown = run("--help")
    assert shown.status == 0
    for command in ("serve", "ask", "explain", "trace", "nodes", "usage", "keys", "config"):
        assert f" {command} " in shown.out


def test_keys_are_created_listed_and_revoked(config: Config) -> None:
    file = config()
    assert "no keys yet" in run("keys", "list", "--config", file).out

    created = run("keys", "create", "my laptop", "--admin", "--config", file)
    secret = created.out.strip()
    assert created.out.count("\n") == 1
    assert secret.startswith("sk-pice-")

    listed = run("keys", "list", "--config", file)
    assert "my laptop" in listed.out
    assert f"...{secret[-4:]}" in listed.out
    assert secret not in listed.out
    key_id = next(word for word in listed.out.split() if word.startswith("key_"))

    revoked = run("keys", "revoke", key_id[:10], "--config", file)
    assert revoked.out == f"revoked {key_id} (my laptop)\n"


def test_revoking_a_key_that_is_not_there_is_told(config: Config) -> None:
    ran = run("keys", "revoke", "key_nothere", "--config", config())
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "picegate: No key has the id 'key_nothere'.\n"


@pytest.mark.parametrize("command", [["serve"], ["keys", "list"], ["explain", "Why?"]])
def test_every_command_tells_a_bad_config_alike(config: Config, command: list[str]) -> None:
    file = config("[server]\nprot = 1\nport = 99999")
    ran = run(*command, "--config", file)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        f"picegate: {file}:11: server.port: Input should be less than or equal to 65535",
        f"picegate: {file}:10: server.prot: unknown setting",
    ]


def test_a_bad_variable_is_told_by_its_name(config: Config) -> None:
    ran = run("config", "--config", config(), PICEGATE_SERVER__PORT="http")
    assert ran.status == 2
    assert ran.err.startswith("picegate: PICEGATE_SERVER__PORT (environment): server.port: ")


def test_a_config_that_is_not_there_is_told(tmp_path: Path) -> None:
    ran = run("serve", "--config", tmp_path / "nothing.toml")
    assert ran.status == 2
    assert "cannot read the config" in ran.err
    assert "Traceback" not in ran.err


def test_a_database_that_cannot_be_opened_is_told(config: Config) -> None:
    for command in (["serve", "--port", "0"], ["usage"]):
        ran = run(*command, "--config", config(), PICEGATE_STORAGE__URL="sqlite:////nowhere/at/all/p.db")
        assert ran.status == 2
        assert ran.err.startswith("picegate: storage.url: cannot open sqlite:////nowhere/at/all/p.db: ")


def test_the_effective_settings_are_shown_without_secrets(config: Config) -> None:
    file = config('[fleet]\nenrolment_token = "hidden-token"')
    ran = run(
        "config", "--config", file, PICEGATE_SERVER__PORT="1234", PICEGATE_STORAGE__URL="postgresql://me:hidden@h/d"
    )
    shown = json.loads(ran.out)
    assert shown["server"]["port"] == 1234
    assert shown["cloud"]["model"] == "cloud-model"
    assert shown["storage"]["url"] == "postgresql://me:***@h/d"
    assert "hidden" not in ran.out


def test_usage_of_an_empty_ledger_is_told(config: Config) -> None:
    file = config()
    assert run("usage", "--config", file, "--since", "24h").out == "no requests recorded in that time\n"
    assert json.loads(run("usage", "--config", file, "--by", "node", "--json").out) == []


@pytest.mark.parametrize("option", [["--since", "yesterday"], ["--by", "colour"]])
def test_usage_refuses_what_it_does_not_understand(config: Config, option: list[str]) -> None:
    ran = run("usage", "--config", config(), *option)
    assert ran.status == 2
    assert option[0] in ran.err


def test_a_question_is_planned_without_a_gateway(config: Config) -> None:
    question = "Explain in detail how someone can keep stress low over a whole year."
    forced = run("explain", question, "--model", "pice-progressive", "--level", "3", "--json", "--config", config(NODE))
    plan = json.loads(forced.out)
    assert (plan["mode"], plan["level"], plan["forced"]) == ("progressive", 3, True)


def test_explain_shows_every_way_and_says_what_its_figures_are(config: Config) -> None:
    question = "Explain in detail how someone can keep stress low over a whole year."
    shown = run("explain", question, "--config", config(NODE)).out
    plan = json.loads(run("explain", question, "--json", "--config", config(NODE)).out)
    assert set(plan["numbers"]) <= set(MEANINGS)
    ways = [line[3:].split()[0] for line in shown.splitlines() if line.startswith(("->", "   "))]
    assert [way for way in ways if way in ("cloud", "progressive", "edge")] == ["cloud", *["progressive"] * 3, "edge"]
    cloud = next(line for line in shown.splitlines() if line[3:].startswith("cloud "))
    mean, median = plan["forecast"]["mean_tokens"], plan["forecast"]["answer_tokens"]
    assert mean > median
    assert cloud.split()[5] == str(mean)
    assert f"median {median} tokens" in shown
    assert f"mean {mean}, which" in " ".join(shown.split())
    assert "No other way" not in shown


def test_explain_shows_the_cloud_alone_where_there_is_no_other_way(config: Config) -> None:
    shown = run("explain", "Why is the sky blue?", "--config", config())
    assert shown.status == 0
    assert "\n-> cloud " in shown.out
    assert "No other way was weighed: no edge node is ready.\nOnly nodes under [[nodes]] are known here" in shown.out
    forced = run("explain", "Why is the sky blue?", "--model", "pice-cloud", "--config", config()).out
    assert "No other way was weighed: the client asked for the cloud.\n\n" in forced


def test_an_unknown_model_is_told(config: Config) -> None:
    ran = run("explain", "Why?", "--model", "gpt-99", "--config", config())
    assert ran.status == 1
    assert "gpt-99" in ran.err


@pytest.mark.parametrize(
    "command", [["nodes"], ["explain", "Why?"], ["ask", "Why?"], ["ask", "Why?", "--trace"], ["trace", "req-1"]]
)
def test_a_gateway_that_is_not_there_is_told(command: list[str]) -> None:
    ran = run(*command, "--url", "http://127.0.0.1:1")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("picegate: no gateway answers at http://127.0.0.1:1: ")
    assert ran.err.count("\n") == 1
