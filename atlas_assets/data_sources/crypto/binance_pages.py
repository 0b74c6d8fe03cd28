"""Binance's pages as tables, without a Python loop over their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.data_sources.fixed_layout import FLAG, INTEGER, TEXT, Layout

if TYPE_CHECKING:
    import pyarrow as pa

KLINE_KINDS = {
    "open_time": INTEGER,
    "open": TEXT,
    "high": TEXT,
    "low": TEXT,
    "close": TEXT,
    "volume": TEXT,
    "close_time": INTEGER,
    "quote_volume": TEXT,
    "trades": INTEGER,
    "taker_buy_base_volume": TEXT,
    "taker_buy_quote_volume": TEXT,
    "unused": TEXT,
}
KLINE_FIELDS = tuple(KLINE_KINDS)

BEST_MATCH = "M"
TRADE_FIELDS = {
    "agg_trade_id": "a",
    "price": "p",
    "quantity": "q",
    "first_trade_id": "f",
    "last_trade_id": "l",
    "transact_time": "T",
    "is_buyer_maker": "m",
    "is_best_match": BEST_MATCH,
}
TRADE_KINDS = {
    "a": INTEGER, "p": TEXT, "q": TEXT, "f": INTEGER, "l": INTEGER, "T": INTEGER, "m": FLAG, BEST_MATCH: FLAG,
}  # fmt: skip

CANDLES, TRADES = Layout.of_lists(KLINE_KINDS), Layout.of_objects(TRADE_KINDS)


def candle_table(content: bytes) -> pa.Table | None:
    """Candles by the table's names, None where a body is not wholly as documented."""
    return CANDLES.read(content)


def trade_table(content: bytes) -> pa.Table | None:
    """Aggregate trades by the vendor's keys, None where a body is not wholly as documented."""
    return TRADES.read(content)
