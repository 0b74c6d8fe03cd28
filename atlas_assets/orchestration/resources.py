"""The boundaries of the house as Dagster resources: the lake and the vendors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from dagster_duckdb import DuckDBResource
from dagster import ConfigurableResource

from atlas_assets.settings import Settings, load_settings, open_configured_lake

if TYPE_CHECKING:
    import duckdb

    from atlas_assets.data_sources.base import BaseDataSource
    from atlas_assets.lake import Lake


@cache
def configured_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


@cache
def configured_lake() -> Lake:
    """The lake of this process, opened once."""
    return open_configured_lake(configured_settings())


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


class VendorResource(ConfigurableResource[Any]):
    """The vendors' services; the sandbox's in-process replies where no network is wanted."""

    def source(self, kind: type[BaseDataSource[Any, Any]]) -> BaseDataSource[Any, Any]:
        """A source ready to fetch."""
        from atlas_assets.data_sources.registry import create

        settings = configured_settings()
        transport = None
        if settings.environment == "sandbox":
            from atlas_assets.sandbox.transport import SandboxTransport

            transport = SandboxTransport(clock=settings.now())
        return create(kind, settings, transport=transport)
