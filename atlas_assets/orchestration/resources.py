"""The boundaries of the house as Dagster resources: the lake and the vendors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource
from dagster_duckdb import DuckDBResource
from pydantic import Field

from atlas_assets import open_lake
from atlas_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    import duckdb

    from atlas_assets.data_sources.base import BaseDataSource
    from atlas_assets.data_sources.client.state import SharedState
    from atlas_assets.lake import Lake
    from atlas_assets.sandbox import SandboxTransport


@cache
def configured_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


@cache
def configured_lake() -> Lake:
    """The lake of this process, opened once."""
    return open_lake(configured_settings())


@cache
def shared_state() -> SharedState:
    """What the workers share of the vendors' limits: on this machine or in Redis; in the sandbox, in memory."""
    from atlas_assets.data_sources.client.state import open_state

    settings = configured_settings()
    if settings.environment == "sandbox":
        return open_state()
    return open_state(settings.state.redis_url or settings.path(settings.state.folder))


class LakeResource(DuckDBResource):
    """The lake: a DuckDB connection with every table attached, and atomic writes."""

    database: str = ":memory:"

    def open(self) -> Lake:
        """The lake behind the resource."""
        return configured_lake()

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose default catalog is the lake."""
        with self.open().connect() as connection:
            yield connection


class VendorResource(ConfigurableResource):
    """The vendors' services; the sandbox's in-process replies where no network is wanted."""

    sandbox_fault_rate: float = Field(
        default=0.0, ge=0, le=1, description="share of the sandbox's replies that misbehave"
    )
    sandbox_fault_seed: int = Field(default=0, description="the same seed gives the same faults")

    def source(self, kind: type[BaseDataSource[Any, Any]]) -> BaseDataSource[Any, Any]:
        """A source ready to fetch."""
        from atlas_assets.data_sources.registry import create, section_of

        settings = configured_settings()
        section = section_of(kind.vendor, settings.data_sources)
        assert section is not None, f"{kind.vendor.name} is not in the settings"
        transport = self._sandbox() if settings.environment == "sandbox" else None
        return create(kind, section, now=settings.now, transport=transport, state=shared_state())

    def _sandbox(self) -> SandboxTransport:
        from atlas_assets.sandbox import FaultPlan, SandboxTransport

        faults = (
            FaultPlan(seed=self.sandbox_fault_seed, rate=self.sandbox_fault_rate) if self.sandbox_fault_rate else None
        )
        return SandboxTransport(clock=configured_settings().now(), faults=faults)
