"""Every source, found by where it lies, and how to build one from its section of the settings."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import create_model

from atlas_assets.data_sources.base import BaseDataSource
from atlas_assets.data_sources.client.limits import Quota
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import httpx

DOMAINS = ("stock", "crypto", "macro", "sentiment")

Source = type[BaseDataSource[Any, Any]]
AnySource = TypeVar("AnySource", bound=BaseDataSource[Any, Any])


@cache
def sources() -> tuple[Source, ...]:
    """Every source: each concrete `BaseDataSource` in a module below a domain's package, in that order."""
    found: list[Source] = []
    for domain in DOMAINS:
        package = import_module(f"atlas_assets.data_sources.{domain}")
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            members = vars(import_module(f"{package.__name__}.{module}")).values()
            found += [member for member in members if _is_source(member, f"{package.__name__}.{module}")]
    return tuple(found)


@cache
def vendors() -> tuple[Vendor, ...]:
    """Every vendor, in the order of its first source."""
    return tuple(dict.fromkeys(source.vendor for source in sources()))


@cache
def settings_model() -> type[Section]:
    """The model of ``data_sources``: a section for each vendor; one that is left out is disabled."""
    sections: dict[str, Any] = {
        vendor.settings_key: (vendor.settings | None, None)
        for vendor in sorted(vendors(), key=lambda vendor: vendor.settings_key)
    }
    return create_model("DataSources", __base__=Section, **sections)


def source_of(table: str) -> Source:
    """The source that fills a raw table.

    Raises
    ------
    KeyError
        When none does.
    """
    return {source.table.name: source for source in sources()}[table]


def section_of(vendor: Vendor, data_sources: Section) -> SourceSettings | None:
    """The vendor's section of the settings, None where it is left out."""
    return getattr(data_sources, vendor.settings_key)


def enabled_sources(data_sources: Section) -> list[tuple[Source, SourceSettings]]:
    """The sources that the settings enable and ask for, with their sections."""
    sections = ((source, section_of(source.vendor, data_sources)) for source in sources())
    enabled = [(source, section) for source, section in sections if section is not None and section.enabled]
    return [(source, section) for source, section in enabled if source.is_wanted(section)]


def create(
    source: type[AnySource],
    section: SourceSettings,
    *,
    now: Callable[[], datetime],
    transport: httpx.BaseTransport | None = None,
    **client: Any,
) -> AnySource:
    """A source ready to fetch.

    Parameters
    ----------
    source
        Which one.
    section
        The vendor's section of the settings.
    now
        The present.
    transport
        Answers in place of the network.
    **client
        Further arguments of `HttpClient`, such as ``sleep`` or a shared ``state``.
    """
    from atlas_assets.data_sources.client.http import HttpClient

    arguments: dict[str, Any] = {
        "source": source.vendor.name,
        "rate_limit": section.rate_limit,
        "timeout_seconds": section.timeout_seconds,
        "spacing_seconds": section.spacing_seconds,
        "secrets": list(section.secrets().values()),
        "now": now,
        "per_host": source.vendor.per_host,
        "rate_headers": source.vendor.rate_headers,
        "quota": _quota(source.vendor, section),
    }
    return source(section, HttpClient(transport=transport, **arguments | client))


def _quota(vendor: Vendor, section: SourceSettings) -> Quota | None:
    """The vendor's quota, with the calls of the user's own plan."""
    if vendor.quota is None or section.quota_calls is None:
        return vendor.quota
    return replace(vendor.quota, calls=section.quota_calls)


def _is_source(member: Any, module: str) -> bool:
    return (
        isinstance(member, type)
        and issubclass(member, BaseDataSource)
        and member.__module__ == module
        and not inspect.isabstract(member)
    )
