"""Typed settings from ``config/<ATLAS_ENV>.yaml`` and the environment.

``ATLAS_ENV`` names the environment (``sandbox`` unless set). Any key can be set from the
environment: ``ATLAS_DATA_SOURCES__FRED__API_KEY``. A secret can also be a mounted file:
``ATLAS_DATA_SOURCES__FRED__API_KEY_FILE=/run/secrets/fred``. The environment wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is unknown, of the wrong type or missing; the message says which and what to do."""


class Section(BaseModel):
    """A part of the settings: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """The folder that people drop files into."""

    folder: Path = Field(default=Path("landing"), description="relative to ATLAS_HOME")


class SourceSettings(Section):
    """What every source needs to know."""

    enabled: bool = True
    base_url: str | None = Field(default=None, description="overrides the vendor's own address")
    rate_limit: int = Field(default=60, gt=0, description="requests (or request weight) a minute")
    timeout_seconds: float = Field(default=30.0, gt=0)
    history_from: date = Field(default=date(2000, 1, 1), description="first day ever asked for")
    partitions_from: date = Field(
        date(2000, 1, 1), description="first daily partition; it also holds all history before it"
    )

    @model_validator(mode="after")
    def _history_before_partitions(self) -> SourceSettings:
        if self.history_from > self.partitions_from:
            raise ValueError("history_from must not be later than partitions_from")
        return self


class EodHistoricalSettings(SourceSettings):
    """EODHD: daily bars of stocks and indices."""

    api_key: SecretStr = Field(min_length=1)
    symbols: list[str] = Field(min_length=1, description="vendor symbols with exchange, such as AAPL.US")


class FredSeries(Section):
    """A FRED series and the frequency it is asked for."""

    id: str
    frequency: Literal["", "d", "w", "m", "q", "a"] = ""


class FredSettings(SourceSettings):
    """FRED and ALFRED: macro series with vintages."""

    api_key: SecretStr = Field(min_length=1)
    series: list[FredSeries] = Field(min_length=1)


class BinanceSettings(SourceSettings):
    """Binance spot market data (no key)."""

    symbols: list[str] = Field(min_length=1)
    interval: Literal["1m", "5m", "15m", "1h"] = "1m"


class AlternativeMeSettings(SourceSettings):
    """alternative.me crypto Fear & Greed index (no key)."""


class Feed(Section):
    """A news feed."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    url: str


class RssSettings(SourceSettings):
    """RSS and Atom news feeds."""

    feeds: list[Feed] = Field(min_length=1)


class DataSources(Section):
    """The sources, each under its vendor's name."""

    eod_historical: EodHistoricalSettings
    fred: FredSettings
    binance: BinanceSettings
    alternative_me: AlternativeMeSettings
    rss: RssSettings


class TvpVarSettings(Section):
    """Time-varying parameter VAR."""

    forgetting_factor: float = Field(default=0.99, gt=0.8, le=1, description="of the state covariance, lambda")
    covariance_decay: float = Field(default=0.96, gt=0.5, le=1, description="of the EWMA innovation covariance, kappa")
    window_size: int = Field(default=250, ge=50, description="sessions of the training sample behind the prior")
    lags: int = Field(default=1, ge=1, le=10)
    horizon: int = Field(default=10, ge=1, le=250, description="sessions forecast ahead")
    symbols: list[str] = Field(default=["GSPC", "IXIC"], description="instruments whose log returns enter")
    series: list[str] = Field(default=["VIXCLS", "DCOILWTICO"], description="macro series whose log changes enter")


class RegimeSettings(Section):
    """Markov-switching volatility regimes."""

    window_size: int = Field(default=2500, ge=250, description="sessions of the training sample")
    symbols: list[str] = Field(default=["GSPC", "IXIC"])


class ValueAtRiskSettings(Section):
    """Value at risk and expected shortfall."""

    window_size: int = Field(default=250, ge=50, description="trailing sessions")
    tail_probabilities: list[Annotated[float, Field(gt=0, lt=0.5)]] = Field(default=[0.01, 0.05], min_length=1)


class VpinSettings(Section):
    """Volume-synchronised probability of informed trading."""

    bar_seconds: float = Field(default=60.0, gt=0)
    buckets_per_day: int = Field(default=50, ge=1)
    window: int = Field(default=50, ge=1, description="buckets averaged")


class Models(Section):
    """Parameters of models and indicators."""

    tvp_var: TvpVarSettings = TvpVarSettings()
    regimes: RegimeSettings = RegimeSettings()
    value_at_risk: ValueAtRiskSettings = ValueAtRiskSettings()
    vpin: VpinSettings = VpinSettings()


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
    data_sources: DataSources
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
        return Settings(**{**values, **overrides})
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(item, file) for item in error.errors())) from None
    except OSError as error:
        raise SettingsError(f"The secret file {error.filename} cannot be read: {error.strerror}.") from None


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
