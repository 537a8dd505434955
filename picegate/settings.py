"""One settings tree. A TOML file with only `[cloud]` is enough; `PICEGATE_SECTION__NAME` overrides any setting."""

import os
import tomllib
from collections.abc import Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from picegate.core.chat import DataPolicy, Mode, ServiceLevel
from picegate.core.errors import ConfigError
from picegate.toml_lines import line_of

ENV_PREFIX = "PICEGATE_"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    max_body_bytes: int = Field(10_000_000, ge=1_000)
    cors_origins: tuple[str, ...] = ()
    ping_s: float = Field(10.0, gt=0, description="keep-alive comment on a silent stream, seconds")
    commit_s: float = Field(20.0, gt=0, description="answer 200 and start pinging when nothing was written by then")
    shutdown_s: float = Field(30.0, ge=0, description="running answers may take this long after SIGTERM")


class AccessSettings(Section):
    require_key: bool = True
    requests_per_minute: int | None = Field(None, ge=1, description="per key")
    data_policy: DataPolicy = DataPolicy.ANY


class CloudSettings(Section):
    base_url: str = Field(description="OpenAI-compatible, usually ending in /v1")
    api_key: SecretStr = SecretStr("")
    model: str = Field(min_length=1)
    context_tokens: int | None = Field(None, ge=1)
    guided: Literal["none", "llama.cpp", "vllm"] = "none"
    connect_s: float = Field(5.0, gt=0)
    first_token_s: float = Field(60.0, gt=0)
    between_tokens_s: float = Field(30.0, gt=0)
    total_s: float = Field(600.0, gt=0)
    retries: int = Field(2, ge=0, le=10, description="before the first byte only")
    max_in_flight: int = Field(64, ge=1)
    max_queued: int = Field(256, ge=0)
    queue_s: float = Field(30.0, gt=0)
    price_input: float = Field(0.0, ge=0, description="per million tokens")
    price_cached_input: float | None = Field(None, ge=0, description="per million tokens; default: price_input")
    price_output: float = Field(0.0, ge=0, description="per million tokens")
    currency: str = "USD"


class StaticNodeSettings(Section):
    name: str = Field(min_length=1, max_length=64)
    url: str
    model: str = Field(min_length=1)
    slots: int = Field(1, ge=1)
    api_key: SecretStr | None = None
    context_tokens: int | None = Field(None, ge=1)


class FleetSettings(Section):
    enrolment_token: SecretStr | None = Field(None, description="agents register with it; none: no agent may register")
    lease_s: float = Field(15.0, gt=0)
    heartbeat_s: float = Field(5.0, gt=0)
    connect_s: float = Field(2.0, gt=0)
    first_token_s: float = Field(20.0, gt=0)
    between_tokens_s: float = Field(10.0, gt=0)
    total_s: float = Field(120.0, gt=0)
    failures_to_open: int = Field(3, ge=1, description="failures in a row that take a node out")
    open_s: float = Field(
        10.0,
        gt=0,
        description="how long it stays out; twice as long after each try that fails, up to 8 times",
    )
    price_output: float = Field(0.0, ge=0, description="of edge tokens, per million")


class ProgressiveSettings(Section):
    enabled: bool = True
    level: int = Field(2, ge=1, le=3, description="where the client asks for progressive mode and names no level")
    min_answer_tokens: int = Field(160, ge=0, description="shorter answers are written by the cloud")
    max_points: int = Field(8, ge=1, le=64)
    max_point_words: int = Field(400, ge=10)
    slot_wait_s: float = Field(
        20.0, gt=0, description="a point waits this long for a free slot, then the cloud writes it"
    )
    attempts: int = Field(2, ge=1, description="edges tried per point before the cloud")
    warm: bool = True
    show_sketch: bool = Field(False, description="send the sketch as reasoning text")
    words_scale: float = Field(
        1.0, gt=0, le=4, description="small models undershoot: words asked = words wanted x this"
    )


class PlannerSettings(Section):
    """How the mode of a request is chosen. All policies but `auto` are baselines, there to be compared with it."""

    policy: Literal["auto", "cloud", "edge", "route", "sot", "pice-like"] = "auto"
    service_level: ServiceLevel = Field(ServiceLevel.LATENCY, description="of requests that name none")
    objective_s: float = Field(30.0, gt=0, description="quality-first traffic stays in the cloud while it is met there")
    edge_alone: bool = Field(True, description="easy answers may be written by an edge alone while the cloud is busy")
    fixed_level: int = Field(0, ge=0, le=3, description="0: the planner chooses the level")
    pipelining: bool = Field(True, description="hand points out as their lines close")
    warm: bool = Field(True, description="as progressive.warm, for comparisons; both must be on")
    hedging: bool = Field(True, description="begin a passage elsewhere, too, when its first token is late")
    resizing: bool = Field(True, description="cut long points while slots are free, join short ones that wait for one")


class QualitySettings(Section):
    """Which of several passages is read, and what becomes of those that look weak."""

    repair: bool = Field(True, description="write weak passages again while nobody reads them")
    threshold: float = Field(0.5, ge=0, le=1, description="a passage of less confidence is weak")
    cloud: tuple[ServiceLevel, ...] = Field(
        (ServiceLevel.QUALITY,), description="service levels whose weak passages the cloud may write again"
    )
    ensemble: Literal["never", "slack", "always"] = Field(
        "slack",
        description="several edges write one passage and the best is read: on idle slots while nobody waits for it, "
        "or always (a baseline: readers wait for every candidate)",
    )
    candidates: int = Field(2, ge=1, le=8, description="for one passage at most; a request may ask for fewer")

    @property
    def most_candidates(self) -> int:
        return self.candidates if self.ensemble != "never" else 1

    @property
    def scores(self) -> bool:
        """Passages are looked at."""
        return self.repair or self.ensemble != "never"


class StorageSettings(Section):
    url: str = "sqlite:///picegate.db"
    store_text: bool = Field(False, description="keep prompts and answers in the ledger")


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class AliasSettings(Section):
    """A further model name that clients may use."""

    mode: Mode | None = None
    level: int | None = Field(None, ge=1, le=3)


class Settings(BaseSettings):
    """The whole tree, built once by `load` and handed down in pieces."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    server: ServerSettings = ServerSettings()
    access: AccessSettings = AccessSettings()
    cloud: CloudSettings
    nodes: tuple[StaticNodeSettings, ...] = ()
    fleet: FleetSettings = FleetSettings()
    progressive: ProgressiveSettings = ProgressiveSettings()
    planner: PlannerSettings = PlannerSettings()
    quality: QualitySettings = QualitySettings()
    models: dict[str, AliasSettings] = Field(default_factory=dict, description="aliases, such as gpt-4o")
    storage: StorageSettings = StorageSettings()
    logging: LoggingSettings = LoggingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(path: Path | None = None) -> Settings:
    """Read `path` (TOML; None: environment only) and the environment.

    Raises:
        ConfigError: unreadable file, bad TOML, unknown or ill-typed setting; names the key and its file and line, or
            the environment variable it came from.
    """
    text = ""
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the config {path}: {error}") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    _refuse_unknown_sections()
    try:
        return Settings(**data)
    except SettingsError as error:
        raise ConfigError(_not_json(error)) from error
    except ValidationError as error:
        raise ConfigError("\n".join(_complaint(e, path, text) for e in error.errors())) from error


def _refuse_unknown_sections() -> None:
    """Pydantic overlooks a variable whose section it does not know. Ours without `__` are not settings."""
    for name in os.environ:
        section, nested, _ = name.upper().removeprefix(ENV_PREFIX).partition("__")
        if name.upper().startswith(ENV_PREFIX) and nested and section.lower() not in Settings.model_fields:
            raise ConfigError(f"{name} (environment): {section.lower()}: unknown section")


def _not_json(error: SettingsError) -> str:
    """Lists and tables come from the environment as JSON. Pydantic names only the section, so find the variable."""
    cause = error.__cause__
    broken = cause.doc if isinstance(cause, JSONDecodeError) else None
    for name, value in os.environ.items():
        if value == broken and name.upper().startswith(ENV_PREFIX):
            return f"{name} (environment): not valid JSON, as a list or table must be: {cause}"
    return str(error)


def _complaint(error: ErrorDetails, path: Path | None, text: str) -> str:
    """One line on one bad setting: where it came from, its key, what is wrong."""
    where = tuple(str(part) for part in error["loc"])
    key = ".".join(where)
    reasons = {"extra_forbidden": "unknown setting", "missing": "required, but not set"}
    reason = reasons.get(error["type"], error["msg"])
    if variable := _variable_of(where):
        return f"{variable} (environment): {key}: {reason}"
    if path is None:
        return f"{key}: {reason} (set {ENV_PREFIX}{'__'.join(where).upper()} or give a config file)"
    return f"{path}:{line_of(where, text) or 1}: {key}: {reason}"


def _variable_of(where: tuple[str, ...]) -> str | None:
    """The environment variable that set `where`, or a table around it as JSON. The environment beats the file."""
    names = {name.upper(): name for name in os.environ}
    wanted = (ENV_PREFIX + "__".join(where[:length]).upper() for length in range(len(where), 0, -1))
    return next((names[name] for name in wanted if name in names), None)


def as_data(settings: Settings) -> Mapping[str, Any]:
    """The tree as plain data with secrets masked, for `picegate config`."""
    return settings.model_dump(mode="json")
