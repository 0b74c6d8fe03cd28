"""Every table of the lake: those of the sources, of dropped files and of streams, and those computed from them."""

from __future__ import annotations

from functools import cache

from atlas_assets.contracts.tables import DERIVED_TABLES, Table
from atlas_assets.data_sources.registry import enabled_sources, sources
from atlas_assets.orchestration.inboxes import declared_tables
from atlas_assets.orchestration.resources import configured_settings
from atlas_assets.streaming.channels import CHANNELS, MESSAGES, Channel


def all_tables() -> tuple[Table, ...]:
    """Every table, whether its source is enabled or not."""
    landed = declared_tables(configured_settings())
    streamed = (channel.table for channel in CHANNELS)
    return (*(source.table for source in sources()), *landed, *streamed, *DERIVED_TABLES)


def enabled_tables() -> tuple[Table, ...]:
    """The tables that are assets under today's settings."""
    settings = configured_settings()
    filled = {source.table for source, _ in enabled_sources(settings.data_sources)}
    filled |= {*declared_tables(settings), *(channel.table for channel in enabled_channels())}
    return tuple(one for one in all_tables() if one.layer != "raw" or one in filled)


def enabled_channels() -> tuple[Channel, ...]:
    """The streams that the settings enable: Binance's with its source, Kafka's where it is configured."""
    settings = configured_settings()
    binance = getattr(settings.data_sources, "binance", None)
    is_on = {True: settings.streaming.kafka is not None, False: binance is not None and binance.enabled}
    return tuple(channel for channel in CHANNELS if is_on[channel is MESSAGES])


def table(name: str) -> Table:
    """The table of that name.

    Raises
    ------
    KeyError
        When the lake has no such table.
    """
    return _by_name(all_tables())[name]


def table_of(asset_key: tuple[str, ...]) -> Table:
    """The table that an asset writes.

    Raises
    ------
    KeyError
        When it writes none.
    """
    return _by_asset(all_tables())[asset_key]


@cache
def _by_name(tables: tuple[Table, ...]) -> dict[str, Table]:
    return {one.name: one for one in tables}


@cache
def _by_asset(tables: tuple[Table, ...]) -> dict[tuple[str, ...], Table]:
    return {one.asset_key: one for one in tables}
