"""Typed settings from ``config/<ATLAS_ENV>.yaml`` and the environment.

``ATLAS_ENV`` names the environment (``sandbox`` unless set). Any key can be set from the
environment: ``ATLAS_DATA_SOURCES__FRED__API_KEY``. A secret can also be a mounted file:
``ATLAS_DATA_SOURCES__FRED__API_KEY_FILE=/run/secrets/fred``. The environment wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, SecretStr, ValidationError, create_model, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from atlas_assets.data_sources.files.mapping import FileDataset, Names
from atlas_assets.data_sources.settings import Section
from atlas_assets.model_settings import Models

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is unknown, of the wrong type or missing; the message says which and what to do."""


class LakeSettings(Section):
    """Where the lake's bytes lie."""

    root: Path = Field(
        default=Path("data/lake"), description="folder of catalog, tables and raw objects; relative to ATLAS_HOME"
    )
    catalog: SecretStr = Field(
        default=SecretStr("sqlite"), description="sqlite, or the address of a PostgreSQL database"
    )
    objects: str | None = Field(default=None, description="address of the raw object store; below root unless set")
    memory_limit: str = Field(default="1GiB", description="DuckDB's memory limit a process")
    threads: int = Field(default=2, ge=1, description="DuckDB's threads a process")


class LandingSettings(Section):
    """Where people drop files, and which table each file goes to."""

    locations: Names = Field(
        default=("landing",),
        min_length=1,
        description="folders, relative to ATLAS_HOME, or URLs such as s3://bucket/in",
    )
    folder: str | None = Field(default=None, description="one folder or URL in place of all locations")
    datasets: tuple[FileDataset, ...] = Field(
        default=(), description="tables of dropped files, tried in this order; daily_bars takes what is left"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [dataset.name for dataset in self.datasets]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two datasets have the name {repeated[0]}")
        return self

    @property
    def folders(self) -> tuple[Path, ...]:
        """The locations that are folders of this machine."""
        return tuple(Path(place.removeprefix("file://")) for place in self._places if place not in self.urls)

    @property
    def urls(self) -> tuple[str, ...]:
        """The locations that are not."""
        return tuple(place for place in self._places if "://" in place and not place.startswith("file://"))

    @property
    def _places(self) -> tuple[str, ...]:
        return self.locations if self.folder is None else (self.folder,)


class StateSettings(Section):
    """Where workers share vendors' limits, quotas, circuit breakers and tokens; in memory in the sandbox."""

    folder: Path = Field(
        default=Path("data/state"), description="for one machine; relative to ATLAS_HOME, never a share"
    )
    redis_url: SecretStr | None = Field(default=None, description="for many machines: redis:// or rediss://")


class BinanceStreamSettings(Section):
    """Binance's stream of trades and candles; its symbols are those of ``data_sources.binance``."""

    url: str = Field(default="wss://data-stream.binance.vision", description="address of the combined streams")
    silence_seconds: float = Field(default=60.0, gt=0, description="without a frame for so long, connect anew")
    largest_frame: int = Field(default=65_536, ge=1_024, description="bytes of a frame")
    speed: float = Field(default=60.0, gt=0, description="simulated seconds a second; in the sandbox only")


class KafkaStreamSettings(Section):
    """Kafka topics to read; passwords come from the environment or a mounted file."""

    brokers: str = Field(min_length=1, description="addresses, host:port separated by commas")
    topics: list[str] = Field(min_length=1)
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(default="SSL", description="TLS is always verified")
    ca_file: Path | None = Field(default=None, description="certificates to trust; the system's unless set")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _login_is_whole(self) -> KafkaStreamSettings:
        given = {self.username is not None, self.password is not None}
        if given != {self.security == "SASL_SSL"}:
            raise ValueError("username and password belong to the security SASL_SSL, and to it alone")
        return self


class StreamingSettings(Section):
    """Streams into raw tables."""

    batch_seconds: float = Field(default=2.0, gt=0, description="seconds from one commit to the next")
    batch_rows: int = Field(default=5_000, ge=1, description="rows that are committed before their time; most held")
    commits_per_merge: int = Field(default=500, ge=2, description="commits after which small files are merged")
    binance: BinanceStreamSettings = BinanceStreamSettings()
    kafka: KafkaStreamSettings | None = None


class LoggingSettings(Section):
    """What is logged and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"


class _Environment(EnvSettingsSource):
    """The environment; a variable ending in ``_FILE`` gives the content of the file it names."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars: Mapping[str, str | None] = dict(
            (name.removesuffix("_file"), Path(value).read_text(encoding="utf-8").strip())
            if name.startswith("atlas_") and name.endswith("_file") and value
            else (name, value)
            for name, value in self.env_vars.items()
        )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="ATLAS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    environment: Literal["sandbox", "development", "production"] = "sandbox"
    home: Path = Field(default=PROJECT_ROOT, description="folder that relative paths start from")
    clock: datetime | None = Field(default=None, description="the sandbox's present; the real clock elsewhere")
    lake: LakeSettings = LakeSettings()
    landing: LandingSettings = LandingSettings()
    state: StateSettings = StateSettings()
    data_sources: Section
    streaming: StreamingSettings = StreamingSettings()
    models: Models = Models()
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
        """The environment wins over the YAML file, whose values are the initial ones."""
        return _Environment(settings_cls), init_settings

    @model_validator(mode="after")
    def _clock_belongs_to_the_sandbox(self) -> Settings:
        if (self.clock is None) == (self.environment == "sandbox"):
            raise ValueError("clock must be set in the sandbox and nowhere else")
        return self

    def now(self) -> datetime:
        """The present: the sandbox's clock, or the real one (UTC)."""
        return self.clock if self.clock is not None else datetime.now(UTC)

    def path(self, relative: Path) -> Path:
        """A path of the settings, made absolute below ``home``."""
        return self.home / relative


def load_settings(**overrides: Any) -> Settings:
    """The settings of the environment named by ``ATLAS_ENV``.

    Parameters
    ----------
    **overrides
        Top-level settings that replace those of the file.

    Raises
    ------
    SettingsError
        One sentence for each unknown key, wrong type or missing value.
    """
    name = os.environ.get("ATLAS_ENV", "sandbox")
    folder = Path(os.environ.get("ATLAS_CONFIG_DIR", PROJECT_ROOT / "config"))
    file = folder / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise SettingsError(f"ATLAS_ENV is {name!r} but {file} does not exist: choose one of {known or 'none found'}.")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{file} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{file} must hold keys and values, such as 'environment: sandbox'.")
    try:
        return _settings_model()(**{**values, **overrides})
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(item, file) for item in error.errors())) from None
    except OSError as error:
        raise SettingsError(f"The secret file {error.filename} cannot be read: {error.strerror}.") from None


@cache
def _settings_model() -> type[Settings]:
    """The settings with a section for each vendor that there is a source of."""
    from atlas_assets.data_sources.registry import settings_model

    return create_model("Settings", __base__=Settings, data_sources=(settings_model(), ...))


def _sentence(error: Any, file: Path) -> str:
    """One validation error as a sentence; input values are left out because they may be secrets."""
    key = ".".join(str(part) for part in error["loc"])
    variable = "ATLAS_" + "__".join(str(part).upper() for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{file.name}: unknown key {key}: remove it or correct its spelling."
    if error["type"] == "missing":
        return f"{file.name}: {key} is missing: set it there or in the environment variable {variable}."
    place = f"{file.name}: {key}" if key else file.name
    return f"{place} is not valid: {error['msg'][:1].lower()}{error['msg'][1:]}."
