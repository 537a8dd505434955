"""What an emulated upstream is like: its engine, the link to it, its prices, and where each figure comes from."""

import sysconfig
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from picegate.core.errors import ConfigError

MS = 1e-3
REPOSITORY = Path(__file__).parents[3] / "configs" / "profiles"


def folders() -> tuple[Path, ...]:
    """Where profiles lie: in the repository, else where the installed package has put them."""
    return REPOSITORY, Path(sysconfig.get_path("data")) / "share" / "picegate" / "profiles"


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """The timing of one continuous-batching engine.

    A step of `b` writing sequences that also reads `t` prompt tokens takes
    `base_ms + per_sequence_ms * b + 1000 * t / prefill_tokens_per_s` ms; `base_ms` counts only where something is
    written.

    Attributes:
        slots: sequences read or written at once; more wait in order of arrival.
        kv_tokens: tokens of prompts and answers that fit into memory, all sequences together.
        prefill_chunk: prompt tokens read in one step at most.
        shares_prefixes: prompts that begin alike are read once, while memory lasts.
        block: tokens; a prefix is shared in whole blocks (vLLM: 16; llama.cpp: 1).
    """

    base_ms: float
    per_sequence_ms: float
    slots: int
    prefill_tokens_per_s: float
    kv_tokens: int
    context_tokens: int
    prefill_chunk: int = 512
    shares_prefixes: bool = True
    block: int = 16

    def step_s(self, writing: int, reading: int) -> float:
        """Seconds of a step with `writing` sequences and `reading` prompt tokens."""
        written = (self.base_ms + self.per_sequence_ms * writing) * MS if writing else 0.0
        return written + reading / self.prefill_tokens_per_s

    @property
    def tokens_per_s(self) -> float:
        """Decode throughput with all slots writing."""
        return self.slots / self.step_s(self.slots, 0)


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One direction is as the other. `mbit_s` None: no limit."""

    rtt_ms: float
    jitter_ms: float = 0.0
    mbit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A device or cloud. `sources`: figure -> where it is from, or "assumption: why"."""

    name: str
    title: str
    kind: Literal["cloud", "edge"]
    engine: EngineProfile
    link: LinkProfile
    price_input: float = 0.0  # per million tokens
    price_output: float = 0.0
    sources: dict[str, str] = field(default_factory=dict)

    def at(self, *, rtt_ms: float | None = None, mbit_s: float | None = None) -> "Profile":
        """The same behind another link."""
        link = self.link
        if rtt_ms is not None:
            link = replace(link, rtt_ms=rtt_ms)
        if mbit_s is not None:
            link = replace(link, mbit_s=mbit_s)
        return replace(self, link=link)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Engine(_Part):
    base_ms: float = Field(ge=0)
    per_sequence_ms: float = Field(gt=0)
    slots: int = Field(ge=1)
    prefill_tokens_per_s: float = Field(gt=0)
    kv_tokens: int = Field(ge=1)
    context_tokens: int = Field(ge=1)
    prefill_chunk: int = Field(512, ge=1)
    shares_prefixes: bool = True
    block: int = Field(16, ge=1)


class _Link(_Part):
    rtt_ms: float = Field(ge=0)
    jitter_ms: float = Field(0.0, ge=0)
    mbit_s: float | None = Field(None, gt=0)


class _Price(_Part):
    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class _File(_Part):
    title: str
    kind: Literal["cloud", "edge"]
    engine: _Engine
    link: _Link
    price: _Price = _Price()
    sources: dict[str, str]


def known() -> dict[str, Path]:
    """Every profile by name; the first folder that has one wins."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def load_profile(name: str, kind: Literal["cloud", "edge"] | None = None) -> Profile:
    """The profile of this name, or in this TOML file.

    Raises:
        ConfigError: there is none (the message lists what there is), or it is broken, or of the other kind.
    """
    path = Path(name) if name.endswith(".toml") else known().get(name)
    if path is None:
        raise ConfigError(f"no profile is called {name!r}; there are: {', '.join(sorted(known())) or 'none'}")
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        file = _File.model_validate(data)
    except (OSError, ValueError) as error:  # TOML, UTF-8 and pydantic errors are ValueErrors
        raise ConfigError(f"{path}: {_reason(error)}") from error
    if kind is not None and file.kind != kind:
        raise ConfigError(f"{path}: a profile of an {file.kind}, but one of an {kind} is wanted".replace("an c", "a c"))
    return Profile(
        name=path.stem,
        title=file.title,
        kind=file.kind,
        engine=EngineProfile(**file.engine.model_dump()),
        link=LinkProfile(**file.link.model_dump()),
        price_input=file.price.input,
        price_output=file.price.output,
        sources=dict(file.sources),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return str(error)
