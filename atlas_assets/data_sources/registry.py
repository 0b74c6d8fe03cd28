"""Every source, and how to build one from the settings."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from atlas_assets.data_sources.base import BaseDataSource
from atlas_assets.data_sources.crypto import BinanceAggTrades, BinanceKlines
from atlas_assets.data_sources.http import HttpClient
from atlas_assets.data_sources.macro import FredObservations
from atlas_assets.data_sources.sentiment import AlternativeMeFearGreed, RssArticles
from atlas_assets.data_sources.stock import EodhdEod
from atlas_assets.settings import Settings, SourceSettings

SOURCES: tuple[type[BaseDataSource[Any, Any]], ...] = (
    EodhdEod,
    FredObservations,
    BinanceKlines,
    BinanceAggTrades,
    AlternativeMeFearGreed,
    RssArticles,
)

AnySource = TypeVar("AnySource", bound=BaseDataSource[Any, Any])


def source_of(table: str) -> type[BaseDataSource[Any, Any]]:
    """The source that fills a raw table.

    Raises
    ------
    KeyError
        When none does.
    """
    return {source.table: source for source in SOURCES}[table]


def create(
    source: type[AnySource], settings: Settings, *, transport: httpx.BaseTransport | None = None, **client: Any
) -> AnySource:
    """A source ready to fetch.

    Parameters
    ----------
    source
        Which one.
    settings
        Where its section and the present come from.
    transport
        Answers in place of the network.
    **client
        Further arguments of `HttpClient`, such as ``sleep`` or a shared ``limiter``.
    """
    section: SourceSettings = getattr(settings.data_sources, source.settings_key)
    arguments: dict[str, Any] = {
        "source": source.source,
        "rate_limit": section.rate_limit,
        "timeout_seconds": section.timeout_seconds,
        "secrets": [value for _, value in section if isinstance(value, SecretStr)],
        "now": settings.now,
    }
    return source(section, HttpClient(transport=transport, **arguments | client))
