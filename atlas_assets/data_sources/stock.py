"""EODHD: daily bars of stocks and indices."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

import pyarrow as pa
from pydantic import Field

from atlas_assets.data_sources.base import BaseDataSource, Query, by_name
from atlas_assets.data_sources.http import Reply, validate_json
from atlas_assets.data_sources.reply import json_rows
from atlas_assets.settings import EodHistoricalSettings

logger = logging.getLogger(__name__)

COLUMNS = {name: name for name in ("date", "open", "high", "low", "close", "adjusted_close", "volume")}

# What the free plan adds to the last row, or sends as a last row of its own, when it cuts the history.
WARNING = "warning"


class EodQuery(Query):
    """The bars of one symbol."""

    # A name of dots alone would climb out of the path.
    symbol: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x20\x7f]*[^\x00-\x20\x7f.][^\x00-\x20\x7f]*$")]


class EodhdEod(BaseDataSource[EodHistoricalSettings, EodQuery]):
    """End-of-day bars: one request for each symbol and window."""

    source = "eodhd"
    dataset = "eod"
    table = "raw.eodhd_eod"
    settings_key = "eod_historical"
    media_suffix = "json"
    default_base_url = "https://eodhd.com/api"

    def queries(self, start: date, end: date) -> Iterator[EodQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield EodQuery(start=start, end=end, symbol=symbol)

    def extract(self, query: EodQuery) -> Iterator[Reply]:
        """One reply that holds the whole window."""
        reply = self.client.get(
            f"{self.base_url}/eod/{quote(query.symbol, safe='')}",
            params={
                "from": query.start.isoformat(),
                "to": query.end.isoformat(),
                "period": "d",
                "order": "a",
                "fmt": "json",
                "api_token": self.settings.api_key,
            },
            check=validate_json,
        )
        if f'"{WARNING}"'.encode() in reply.content:
            logger.warning("eodhd: the plan limits the history of %s; bars before the limit are missing.", query.symbol)
        yield reply

    @classmethod
    def read(cls, content: bytes, query: EodQuery) -> Mapping[str, Any]:
        """Bars as columns; a row that holds nothing but the plan's warning is no bar."""
        bars = [row for row in json_rows(content) if row.keys() != {WARNING}]
        return {**by_name(bars, COLUMNS), "symbol": [query.symbol] * len(bars)}

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The session date."""
        return rows["date"]
