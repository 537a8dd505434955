"""Reading the config, and telling what is wrong with it."""

from pathlib import Path

import pytest

from picegate.core.chat import Mode
from picegate.core.errors import ConfigError
from picegate.settings import as_data, load

CLOUD = '[cloud]\nbase_url = "http://c/v1"\nmodel = "m"\n'


def refused(tmp_path: Path, text: str) -> str:
    """What `load` says of this config, with the file's path as FILE."""
    file = tmp_path / "picegate.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    return caught.value.message.replace(str(file), "FILE")


def test_a_file_with_only_a_cloud_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "picegate.toml"
    file.write_text(CLOUD)
    settings = load(file)
    assert settings.cloud.model == "m"
    assert settings.server.port == 8080
    assert settings.access.require_key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CLOUD + "[server]\nprot = 1\n", "FILE:5: server.prot: unknown setting"),
        (CLOUD + '[server]\nhost = "h"\nport = "http"\n', "FILE:6: server.port: "),
        (CLOUD + "server.port = 70000\n", "FILE:4: cloud.server: unknown setting"),
        ("server.port = 70000\n" + CLOUD, "FILE:1: server.port: "),
        ('server . "port" = -1\n' + CLOUD, "FILE:1: server.port: "),
        ("[server]\n'port' = -1\n" + CLOUD, "FILE:2: server.port: "),
        (CLOUD + '\n[models."gpt-4o"]\nmode = "fast"\n', "FILE:6: models.gpt-4o.mode: "),
        (CLOUD + '\n[models]\n"a.b" = { level = 1 }\n"c.d" = { level = 9 }\n', "FILE:7: models.c.d.level: "),
        (CLOUD + "[serving]\nport = 1\n", "FILE:4: serving: unknown setting"),
        ("[server]\n", "FILE:1: cloud: required, but not set"),
        ('\n[cloud]\nbase_url = "u"\n', "FILE:2: cloud.model: required, but not set"),
        ("# nothing but\n# comments\n", "FILE:1: cloud: required, but not set"),
    ],
)
def test_a_bad_setting_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text).startswith(said)


def test_the_second_of_two_nodes_is_told_from_the_first(tmp_path: Path) -> None:
    node = '\n[[nodes]]\nname = "n"\nurl = "u"\nmodel = "m"\nslots = {}\n'
    message = refused(tmp_path, CLOUD + node.format(2) + "[server]\nport = 1\n" + node.format(0))
    assert message.startswith("FILE:17: nodes.1.slots: ")


def test_a_node_without_a_url_is_found_by_its_header(tmp_path: Path) -> None:
    message = refused(tmp_path, CLOUD + '[[nodes]]\nname = "n"\nmodel = "m"\n')
    assert message == "FILE:4: nodes.0.url: required, but not set"


def test_every_bad_setting_is_told_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, CLOUD + "[server]\nport = -1\nping_s = 0\n")
    assert [line.split(": ")[1] for line in message.splitlines()] == ["server.port", "server.ping_s"]


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "[cloud]\nmodel = = 3\n")
    assert message.startswith("FILE: not valid TOML: ")
    assert "line 2" in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the config .*nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "picegate.toml"
    file.write_bytes(b"\xff\xfe[cloud]")
    with pytest.raises(ConfigError, match="cannot read the config"):
        load(file)


def test_the_environment_beats_the_file_and_leaves_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "picegate.toml"
    file.write_text(CLOUD + '[server]\nhost = "h"\nport = 1\n')
    monkeypatch.setenv("PICEGATE_SERVER__PORT", "2")
    monkeypatch.setenv("PICEGATE_SERVER__CORS_ORIGINS", '["*"]')
    settings = load(file)
    assert (settings.server.host, settings.server.port, settings.server.cors_origins) == ("h", 2, ("*",))


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICEGATE_CLOUD__BASE_URL", "http://c/v1")
    monkeypatch.setenv("PICEGATE_CLOUD__MODEL", "m")
    monkeypatch.setenv("PICEGATE_MODELS", '{"gpt-4o": {"mode": "progressive"}}')
    assert load().models["gpt-4o"].mode is Mode.PROGRESSIVE


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PICEGATE_SERVER__PORT", "http", "server.port: "),
        ("PICEGATE_SERVER__PROT", "1", "server.prot: unknown setting"),
        ("picegate_server__port", "http", "server.port: "),
        ("PICEGATE_SERVER", '{"port": -1}', "server.port: "),
        ("PICEGATE_SERVER__CORS_ORIGINS", "*", "not valid JSON"),
        ("PICEGATE_NODES", "[{", "not valid JSON"),
        ("PICEGATE_NODES", '[{"name": "n", "model": "m"}]', "nodes.0.url: required, but not set"),
        ("PICEGATE_SERVR__PORT", "1", "servr: unknown section"),
    ],
)
def test_a_bad_variable_is_named(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert refused(tmp_path, CLOUD).startswith(f"{name} (environment): {said}")


def test_without_a_file_a_missing_setting_names_its_variable() -> None:
    with pytest.raises(
        ConfigError, match=r"^cloud: required, but not set \(set PICEGATE_CLOUD or give a config file\)$"
    ):
        load()


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "picegate.toml"
    file.write_text(CLOUD)
    monkeypatch.setenv("PICEGATE_ADMIN_KEY", "sk-pice-x")
    assert load(file).cloud.model == "m"


def test_secrets_are_masked_when_shown(tmp_path: Path) -> None:
    file = tmp_path / "picegate.toml"
    file.write_text(CLOUD + 'api_key = "hidden"\n[fleet]\nenrolment_token = "hidden"\n')
    settings = load(file)
    assert settings.cloud.api_key.get_secret_value() == "hidden"
    assert "hidden" not in str(as_data(settings))
    assert "hidden" not in repr(settings)
