"""What all datasets of a vendor share: its settings, its key, its limits and its terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.settings import SourceSettings

Domain = Literal["stock", "crypto", "macro", "sentiment"]


@dataclass(frozen=True)
class Vendor:
    """A vendor, as the catalogue of sources shows it.

    Attributes
    ----------
    name
        In tables, paths and asset keys: lower-case letters, digits and underscores.
    title
        As the vendor writes it.
    domain
        What its data is about.
    settings
        Model of its section of the settings.
    section
        The section's name below ``data_sources`` where it is not `name`.
    base_url
        The vendor's own address.
    required_secrets
        Keys of the section without which nothing can be asked.
    access
        Key and plan that are needed.
    limits
        Rates and quotas.
    terms
        Terms of use that matter here.
    conventions
        Clocks, units and adjustments.
    rate_headers
        Where its replies tell the rate limit.
    quota
        What the plan allows a day or a month.
    per_host
        Whether each host is a vendor of its own, with its own limits.
    """

    name: str
    title: str
    domain: Domain
    settings: type[SourceSettings]
    base_url: str = ""
    section: str = ""
    required_secrets: tuple[str, ...] = ()
    access: str = ""
    limits: str = ""
    terms: str = ""
    conventions: str = ""
    rate_headers: RateHeaders | None = None
    quota: Quota | None = None
    per_host: bool = False

    @property
    def settings_key(self) -> str:
        """The section's name below ``data_sources``."""
        return self.section or self.name
