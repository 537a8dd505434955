"""One settings tree. The command line wins over `EDGE_AGENT_*`, which wins over the TOML file."""

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from edge_agent.engine.choose import EngineChoice
from edge_agent.engine.need import PLAIN
from edge_agent.engine.options import CacheType, FlashAttention, GpuLayers, LoadMode, Repack
from edge_agent.engine.wishes import Wishes
from edge_agent.errors import ConfigError
from edge_agent.models.download import DEFAULT_CACHE
from edge_agent.models.further import FurtherModel, parse_further

ENV_PREFIX = "EDGE_AGENT_"


def _default_name() -> str:
    """This machine's name, reduced to what a node may be called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname()).lstrip("._-")[:64] or "edge"


class Settings(BaseSettings):
    """All that can be set. TOML keys and `EDGE_AGENT_` variables bear the fields' names."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    model: str = Field("embedded", min_length=1, description="a GGUF file, or `embedded`")
    model_name: str | None = Field(
        None, min_length=1, description="what clients call it; default: from the file's name"
    )
    also: tuple[FurtherModel, ...] = Field(
        (), description="further models, each `FILE.gguf` or `FILE.gguf=NAME`; in the environment with commas between"
    )
    engine: EngineChoice = "auto"
    host: str = "127.0.0.1"
    port: int = Field(8090, ge=0, le=65535, description="0: a free one")
    name: str = Field(default_factory=_default_name, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    gateway: str | None = Field(None, description="the gateway's URL; none: do not register")
    token: SecretStr | None = Field(None, description="enrolment token of the gateway")
    advertise: str | None = Field(None, description="how the gateway reaches us, ending in /v1")
    api_key: SecretStr | None = Field(None, description="what callers must present; with a gateway one is drawn")
    slots: int = Field(4, ge=1, le=1024, description="answers written at once; the memory holds slots x ctx tokens")
    ctx: int = Field(4096, ge=64, description="prompt + answer of one sequence, tokens")
    threads: int | None = Field(None, ge=1, description="none: as many as the box has good use for")
    gpu_layers: GpuLayers = Field("auto", description="auto (or -1): as many as fit; all; or how many")
    flash_attn: FlashAttention = Field("auto", description="auto: llama.cpp tries it")
    cache_type: CacheType | None = Field(
        None,
        description="of the memory, as cache-type-k and -v of llama-server; none: f16, or q8_0 where that does not fit",
    )
    ubatch_size: int | None = Field(None, ge=32, le=8192, description="prompt tokens a step; none: by the processor")
    load_mode: LoadMode = "auto"
    kv_tokens: int | None = Field(None, ge=64, description="room of the memory, tokens of all slots together")
    repack: Repack = Field("auto", description="keep the weights as Q8_0 in the cache where that makes them faster")
    max_queued: int = Field(32, ge=0)
    max_body_bytes: int = Field(10_000_000, ge=1_000)
    drain_s: float = Field(30.0, ge=0, description="running answers may take this long after SIGTERM")
    cache: Path = Field(DEFAULT_CACHE, description="where fetched models are kept")
    fake_token_s: float = Field(0.0, ge=0, description="seconds per token with `engine = fake`")
    self_test: bool = Field(True, description="measure speed at start and while idle; the fake engine only when asked")
    self_test_every_s: float = Field(3600.0, gt=0)
    verbose: bool = False

    @property
    def tests_itself(self) -> bool:
        return self.self_test and (self.engine != "fake" or "self_test" in self.model_fields_set)

    @field_validator("also", mode="before")
    @classmethod
    def _are_models(cls, entries: Any) -> tuple[FurtherModel, ...]:
        written = entries.split(",") if isinstance(entries, str) else entries
        if not isinstance(written, list | tuple) or not all(isinstance(entry, str) for entry in written):
            raise ValueError('must be a list such as ["FILE.gguf=NAME"]')
        return parse_further(written)

    @field_validator("gateway", "advertise")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"https?://[^/\s]+", url):
            raise ValueError("must be a URL such as http://host:port")
        return None if url is None else url.rstrip("/")

    @field_validator("gpu_layers", mode="before")
    @classmethod
    def _is_a_number_of_layers(cls, layers: object) -> object:
        if layers in ("auto", "all"):
            return layers
        try:
            number = int(str(layers))
        except ValueError:
            number = -2
        if number < -1:
            raise ValueError("must be auto, all or a number of layers")
        return "auto" if number == -1 else number

    @field_validator("cache_type")
    @classmethod
    def _has_what_it_needs(cls, kind: CacheType | None, info: ValidationInfo) -> CacheType | None:
        if kind is not None and kind not in PLAIN and info.data.get("flash_attn") == "off":
            raise ValueError(f"{kind} needs flash attention, and flash_attn is off: use f16, or flash_attn = auto")
        return kind

    @field_validator("kv_tokens")
    @classmethod
    def _holds_one(cls, tokens: int | None, info: ValidationInfo) -> int | None:
        if tokens is not None and tokens < info.data.get("ctx", 0):
            raise ValueError(f"must hold one sequence of ctx = {info.data['ctx']} tokens at least")
        return tokens

    def wishes(self) -> Wishes:
        return Wishes(
            context_tokens=self.ctx,
            slots=self.slots,
            gpu_layers=self.gpu_layers,
            threads=self.threads,
            cache_type=self.cache_type,
            flash_attn=self.flash_attn,
            ubatch_size=self.ubatch_size,
            load_mode=self.load_mode,
            repack=self.repack,
            kv_tokens=self.kv_tokens,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load` lays the three sources over one another itself, to say where a fault is


def load(path: Path | None = None, options: Mapping[str, Any] | None = None) -> Settings:
    """Read `path` (TOML), the environment and the command line's `options` (None values were not given).

    Raises:
        ConfigError: unreadable file, bad TOML, unknown or ill-typed setting; names the key and where it came from.
    """
    file = {} if path is None else _read(path)
    environment = {
        name: os.environ[ENV_PREFIX + name.upper()] for name in Settings.model_fields if _in_environment(name)
    }
    given = {name: value for name, value in (options or {}).items() if value is not None}
    try:
        return Settings(**{**file, **environment, **given})
    except ValidationError as error:
        complaints = []
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"])
            reason = "unknown setting" if fault["type"] == "extra_forbidden" else fault["msg"]
            origin = _origin(key, given, environment, path)
            complaints.append(f"{origin}: {reason}")
        raise ConfigError("; ".join(complaints)) from error


def _in_environment(name: str) -> bool:
    return bool(os.environ.get(ENV_PREFIX + name.upper()))


def _origin(key: str, given: Mapping[str, Any], environment: Mapping[str, str], path: Path | None) -> str:
    if key in given:
        return "--" + key.replace("_", "-")
    if key in environment:
        return f"{ENV_PREFIX}{key.upper()} (environment)"
    return f"{path}: {key}"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
