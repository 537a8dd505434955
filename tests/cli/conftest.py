"""A config to run with."""

from collections.abc import Callable
from pathlib import Path

import pytest

Config = Callable[..., Path]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Writes a config whose database lies beside it; `rest` goes below it."""

    def write(rest: str = "", *, cloud: str = "http://127.0.0.1:1/v1", access: str = "") -> Path:
        file = tmp_path / "picegate.toml"
        database = f"sqlite:///{tmp_path / 'picegate.db'}"
        file.write_text(
            f'[cloud]\nbase_url = "{cloud}"\nmodel = "cloud-model"\napi_key = "hidden-key"\n'
            f'[storage]\nurl = "{database}"\n[access]\n{access}\n{rest}\n'
        )
        return file

    return write
