"""A client of the sandbox, at the sandbox's present."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

CLOCK = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
WIRE = Path(__file__).resolve().parents[3] / "shared" / "wire"
HOSTS = {
    "eodhd": ("https://eodhd.com/api/", {"api_token": DEFAULT_KEYS["eod_historical"], "fmt": "json"}),
    "fred": ("https://api.stlouisfed.org/fred/", {"api_key": DEFAULT_KEYS["fred"], "file_type": "json"}),
    "binance": ("https://data-api.binance.vision/api/v3/", {}),
    "binance_dumps": ("https://data.binance.vision/data/spot/daily/", {}),
    "gdelt_files": ("https://data.gdeltproject.org/gdeltv2/", {}),
    "coingecko": ("https://api.coingecko.com/api/v3/coins/", {"vs_currency": "usd"}),
    "coingecko_pro": ("https://pro-api.coingecko.com/api/v3/coins/", {"vs_currency": "usd"}),
    "imf": ("https://api.imf.org/external/sdmx/3.0/", {}),
    "alternative_me": ("https://api.alternative.me/", {}),
    "news": ("https://news.example/", {}),
}

Ask = Callable[..., httpx.Response]


@pytest.fixture
def clock() -> datetime:
    return CLOCK


@pytest.fixture
def ask_at() -> Iterator[Callable[..., Ask]]:
    """Makes the asking function of a sandbox with these settings."""
    clients: list[httpx.Client] = []

    def make(clock: datetime = CLOCK, **settings: Any) -> Ask:
        client = httpx.Client(transport=SandboxTransport(clock=clock, **settings))
        clients.append(client)

        def ask(vendor: str, path: str, *, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
            base, always = HOSTS[vendor]
            merged = {name: value for name, value in (always | params).items() if value is not None}
            return client.get(base + path, params=merged, headers=headers)

        return ask

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def ask(ask_at: Callable[..., Ask]) -> Ask:
    """Asks a vendor as the connectors do: key and format are added."""
    return ask_at()


@pytest.fixture
def wire() -> Callable[[str], Any]:
    """Reads a recorded reply; the test is skipped where there is none."""

    def read(name: str) -> Any:
        file = WIRE / name
        if not file.is_file():
            pytest.skip(f"the recorded reply {name} is not there")
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else text

    return read
