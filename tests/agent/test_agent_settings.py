"""Settings: the command line over the environment over the file, and every fault named with its origin."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.errors import ConfigError
from edge_agent.settings import Settings, load


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "SLOTS", "PORT", "GATEWAY", "ALSO", "SELF_TEST"):
        monkeypatch.delenv(f"EDGE_AGENT_{name}", raising=False)


def config(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_with_nothing_set_the_embedded_model_is_served_on_loopback() -> None:
    settings = load()
    assert (settings.model, settings.host, settings.engine, settings.gateway) == ("embedded", "127.0.0.1", "auto", None)


def test_the_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config(tmp_path, "slots = 2\nctx = 512\nport = 1")
    monkeypatch.setenv("EDGE_AGENT_SLOTS", "3")
    monkeypatch.setenv("EDGE_AGENT_PORT", "2")
    settings = load(path, {"port": 3, "ctx": None})
    assert (settings.ctx, settings.slots, settings.port) == (512, 3, 3)


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(load(options={"token": "hush", "api_key": "hush"}))


def test_real_engines_measure_themselves_unless_told_not_to_and_the_fake_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load().tests_itself
    assert not load(options={"self_test": False}).tests_itself
    assert not load(options={"engine": "fake"}).tests_itself
    assert load(config(tmp_path, "self_test = true"), {"engine": "fake"}).tests_itself
    monkeypatch.setenv("EDGE_AGENT_SELF_TEST", "false")
    assert not load().tests_itself


def test_a_gateway_url_loses_its_last_slash() -> None:
    assert load(options={"gateway": "http://gw:8080/"}).gateway == "http://gw:8080"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("slots = 0", "agent.toml: slots: "),
        ("solts = 1", "agent.toml: solts: unknown setting"),
        ('engine = "steam"', "agent.toml: engine: "),
        ('gateway = "gw:8080"', "agent.toml: gateway: .*must be a URL"),
        ("slots = ", "agent.toml: not valid TOML"),
        ("gpu_layers = -2", "agent.toml: gpu_layers: .*auto, all or a number"),
        ('gpu_layers = "some"', "agent.toml: gpu_layers: .*auto, all or a number"),
        ('cache_type = "q9_0"', "agent.toml: cache_type: "),
        ('flash_attn = "off"\ncache_type = "q8_0"', "agent.toml: cache_type: .*needs flash attention"),
    ],
)
def test_a_bad_file_names_key_and_file(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load(config(tmp_path, text))


def test_a_memory_that_could_not_hold_one_sequence_is_refused() -> None:
    assert load(options={"kv_tokens": 4096}).kv_tokens == 4096
    with pytest.raises(ConfigError, match=r"--kv-tokens: .*must hold one sequence of ctx = 4096"):
        load(options={"kv_tokens": 4095})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the config .*gone\.toml"):
        load(tmp_path / "gone.toml")


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_AGENT_SLOTS", "many")
    with pytest.raises(ConfigError, match=r"EDGE_AGENT_SLOTS \(environment\): "):
        load()


def test_a_bad_option_is_named() -> None:
    with pytest.raises(ConfigError, match="--max-queued: "):
        load(options={"max_queued": -1})


def test_what_is_not_set_is_left_to_the_box() -> None:
    wishes = load().wishes()
    assert (wishes.slots, wishes.context_tokens) == (4, 4096)
    assert (wishes.gpu_layers, wishes.threads, wishes.cache_type, wishes.ubatch_size) == ("auto", None, None, None)


@pytest.mark.parametrize(("said", "meant"), [("auto", "auto"), (-1, "auto"), ("-1", "auto"), ("all", "all"), ("7", 7)])
def test_layers_are_said_as_llama_server_takes_them(said: object, meant: object) -> None:
    assert load(options={"gpu_layers": said}).wishes().gpu_layers == meant


@pytest.fixture(params=["options", "file", "environment"])
def also(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings with these further models, by each of the three ways in."""

    def read(*entries: str) -> Settings:
        if request.param == "options":
            return load(options={"also": list(entries)})
        if request.param == "file":
            return load(config(tmp_path, f"also = {json.dumps(entries)}"))
        monkeypatch.setenv("EDGE_AGENT_ALSO", ",".join(entries))
        return load()

    return read


def test_further_models_are_files_with_or_without_a_name(also: Callable[..., Settings]) -> None:
    entries = ("/m/b.gguf=small b", "c=1.Q4_0.gguf", "d.gguf=d.gguf")
    expected = [("/m/b.gguf", "small b"), ("c=1.Q4_0.gguf", "c=1.Q4_0"), ("d.gguf", "d.gguf")]
    assert [(str(model.file), model.name) for model in also(*entries).also] == expected


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (("b.bin",), "also.*: .*must be FILE.gguf or FILE.gguf=NAME, not 'b.bin'"),
        (("b.gguf=",), "also.*: .*must be FILE.gguf"),
        (("=b", "c.gguf"), "also.*: .*must be FILE.gguf"),
        (("b.gguf", "other/b.gguf"), "also.*: .*2 models are called 'b'"),
    ],
)
def test_a_malformed_further_model_is_named(
    also: Callable[..., Settings], entries: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=f"(?i){complaint}"):
        also(*entries)


def test_further_models_that_are_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agent\.toml: also: .*must be a list"):
        load(config(tmp_path, "also = 3"))
