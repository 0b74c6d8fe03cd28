"""What every source's section of the settings holds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
"""What the settings call a feed, a topic or a search; tables name it so."""

PATH_PART = r"^[^\x00-\x20\x7f]*[^\x00-\x20\x7f.][^\x00-\x20\x7f]*$"
"""A symbol that is a part of an address: without blanks, and not of dots alone, which would climb out of the path."""


class Section(BaseModel):
    """A part of the settings: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
    """What every source needs to know."""

    enabled: bool = True
    base_url: str | None = Field(default=None, description="overrides the vendor's own address")
    rate_limit: int = Field(default=60, gt=0, description="requests (or request weight) a minute")
    quota_calls: int | None = Field(default=None, gt=0, description="calls of your plan where it is not the usual one")
    spacing_seconds: float = Field(default=0.0, ge=0, description="least time between two requests")
    timeout_seconds: float = Field(default=30.0, gt=0)
    history_from: date = Field(default=date(2000, 1, 1), description="first day ever asked for")
    partitions_from: date = Field(
        date(2000, 1, 1), description="first daily partition; it also holds all history before it"
    )

    @model_validator(mode="after")
    def _history_before_partitions(self) -> Self:
        if self.history_from > self.partitions_from:
            raise ValueError("history_from must not be later than partitions_from")
        return self

    def needed_secrets(self) -> tuple[str, ...]:
        """Keys of the section that are needed as it stands, beside those that the vendor always needs."""
        return ()

    def secrets(self) -> dict[str, SecretStr]:
        """The secrets that are set, by key."""
        return {name: value for name, value in self if isinstance(value, SecretStr) and value.get_secret_value()}
