"""The configs in configs/ are documentation that must load: every setting, with its default."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edge_agent.settings import Settings as AgentSettings
from edge_agent.settings import load as load_agent
from picegate.settings import Settings, load

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PICEGATE_", "EDGE_AGENT_")):
            monkeypatch.delenv(name)


def test_the_gateways_config_holds_the_defaults() -> None:
    shipped = load(CONFIGS / "picegate.toml")
    assert shipped == Settings(cloud={"base_url": shipped.cloud.base_url, "model": shipped.cloud.model})  # type: ignore[arg-type]


def test_the_gateways_config_names_every_setting() -> None:
    text = uncommented(CONFIGS / "picegate.toml")
    named: dict[str, Any] = tomllib.loads(text)
    for section, field in Settings.model_fields.items():
        inner = {"nodes": named["nodes"][0], "models": next(iter(named["models"].values()))}.get(
            section, named[section]
        )
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            assert set(inner) == set(kind.model_fields), section


def test_the_agents_config_holds_the_defaults_and_names_every_setting() -> None:
    assert load_agent(CONFIGS / "agent.toml") == AgentSettings()
    assert set(tomllib.loads(uncommented(CONFIGS / "agent.toml"))) == set(AgentSettings.model_fields)


def uncommented(path: Path) -> str:
    """The TOML with its commented-out settings put in force; sentences stay comments."""
    return re.sub(r"^# (?=\[|\w+ = )", "", path.read_text(), flags=re.MULTILINE)
