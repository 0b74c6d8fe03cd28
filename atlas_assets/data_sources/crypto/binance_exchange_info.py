"""Binance spot: every trading pair with its status and precision, a snapshot a day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.raw import day, flag, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.crypto.binance import BINANCE, BinanceSettings
from atlas_assets.data_sources.snapshots import SNAPSHOT_REACH, can_be_seen, snapshot_day

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = "symbols"

# Columns by the vendor's keys; the first ones every pair has.
FIELDS = {
    "symbol": "symbol",
    "status": "status",
    "base_asset": "baseAsset",
    "quote_asset": "quoteAsset",
    "base_asset_precision": "baseAssetPrecision",
    "quote_asset_precision": "quoteAssetPrecision",
    "is_spot_trading_allowed": "isSpotTradingAllowed",
}
# Columns from a pair's filters: types of filter, newest name first, and key.
FILTER_FIELDS = {
    "tick_size": (("PRICE_FILTER",), "tickSize"),
    "lot_size": (("LOT_SIZE",), "stepSize"),
    "min_quantity": (("LOT_SIZE",), "minQty"),
    "min_notional": (("NOTIONAL", "MIN_NOTIONAL"), "minNotional"),
}


class BinanceExchangeInfo(BaseDataSource[BinanceSettings, Query]):
    """Every pair that was ever listed; delisted ones keep the status BREAK for years."""

    vendor = BINANCE
    table = raw_table(
        "binance",
        "exchange_info",
        "Binance trading pairs as sent, once a day. One row per (snapshot_date, symbol).",
        columns={
            "snapshot_date": day("Day that the snapshot stands for (UTC); made up to a day later"),
            "server_time": integer("When Binance made it", unit="ms or µs since 1970", ge=0),
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "status": text("TRADING, HALT, BREAK (delisted) and whatever else Binance sends"),
            "base_asset": text("What is traded"),
            "quote_asset": text("What its price is in"),
            "base_asset_precision": integer("Decimals of base quantities", ge=0),
            "quote_asset_precision": integer("Decimals of quote quantities", ge=0),
            "is_spot_trading_allowed": flag("Whether it trades on the spot market"),
            "tick_size": text("Smallest step of the price, decimal string", nullable=True),
            "lot_size": text("Smallest step of the quantity, decimal string", nullable=True),
            "min_quantity": text("Smallest quantity, decimal string", nullable=True),
            "min_notional": text("Smallest value of an order in the quote asset, decimal string", nullable=True),
        },
        key=("snapshot_date", "symbol"),
    )
    reach = SNAPSHOT_REACH
    # Each day keeps its own snapshot, also where several days are loaded again.
    days_per_query = 1
    weight = 20

    def queries(self, start: date, end: date) -> Iterator[Query]:
        """One query for all pairs; its snapshot stands for the window's last day."""
        yield Query(start=start, end=end, as_of=self.client.now())

    def extract(self, query: Query) -> Iterator[Reply]:
        """The snapshot; none where the window lies in the past."""
        if can_be_seen(query):
            yield self.client.get(f"{self.base_url}/api/v3/exchangeInfo", weight=self.weight, check=_pairs)

    @classmethod
    def records(cls, content: bytes, query: Query) -> Sequence[Any]:
        """Pairs, each with the time of the snapshot."""
        pairs = json_rows(content, ROWS)
        if not pairs:
            raise MalformedReply("lists no pairs")
        server_time = json.loads(content)["serverTime"]
        return [(server_time, pair) for pair in pairs]

    @classmethod
    def columns(cls, records: Sequence[tuple[Any, Any]], query: Query) -> Mapping[str, Any]:
        """Pairs as columns; filters that a pair lacks are missing."""
        pairs = [pair for _, pair in records]
        filters = [{one["filterType"]: one for one in pair["filters"]} for pair in pairs]
        return {
            "snapshot_date": [snapshot_day(query)] * len(records),
            "server_time": [server_time for server_time, _ in records],
            **{column: [pair[key] for pair in pairs] for column, key in FIELDS.items()},
            **{column: [_filtered(one, *place) for one in filters] for column, place in FILTER_FIELDS.items()},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: Query) -> pa.ChunkedArray:
        """The day of the snapshot."""
        return rows["snapshot_date"]


def _filtered(filters: Mapping[str, Mapping[str, Any]], names: Sequence[str], key: str) -> Any:
    found = next((filters[name] for name in names if name in filters), None)
    return None if found is None else found[key]


def _pairs(reply: Reply) -> None:
    """Refuse what is no list of pairs; an exchange without any does not exist."""
    if not validate_json(reply, ROWS):
        raise MalformedReply("lists no pairs")
