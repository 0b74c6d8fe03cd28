"""What all of the sandbox's vendors share: one present, one seed, the accepted keys and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

DEFAULT_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "alpaca": "SANDBOXALPACAKEYID",
        "alpaca_secret": "sandbox-alpaca-secret-key",
        "coingecko": "sandbox-coingecko-demo-key",
        "coingecko_pro": "sandbox-coingecko-pro-key",
        "eod_historical": "sandbox-eodhd-key",
        "fred": "abcdef0123456789abcdef0123456789",
        "tiingo": "sandbox-tiingo-token",
        "newsapi": "sandbox-newsapi-key",
        "reddit": "sandbox-reddit-id:sandbox-reddit-secret",
        "x": "sandbox-x-bearer-token",
    }
)
"""Accepted keys by section of the settings, those of ``config/sandbox.yaml``; Alpaca has a second one."""


@dataclass(frozen=True)
class World:
    """The sandbox's world.

    Attributes
    ----------
    clock
        The present (UTC). Nothing later is ever served.
    seed
        Seed of everything synthetic.
    keys
        Accepted keys over `DEFAULT_KEYS`.
    limits
        Rate limits and quotas that replace the vendors' own, by name, such as ``fred_requests_per_minute``.
    """

    clock: datetime
    seed: int = 0
    keys: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    def key(self, section: str) -> str:
        """The key that a vendor accepts."""
        return self.keys.get(section, DEFAULT_KEYS[section])

    def limit(self, name: str, default: int) -> int:
        """What a vendor allows before it answers 429 (or 402 for a day's calls)."""
        return self.limits.get(name, default)
