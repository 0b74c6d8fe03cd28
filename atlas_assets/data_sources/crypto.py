"""Binance spot: candles and aggregate trades."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, Field, SecretStr

from atlas_assets.data_sources.base import BaseDataSource, Query, by_name, days_since_epoch
from atlas_assets.data_sources.http import MalformedReply, Reply, validate_json
from atlas_assets.data_sources.reply import json_rows
from atlas_assets.settings import BinanceSettings

BASE_URL = "https://data-api.binance.vision"
PAGE = 1000

# Milliseconds have 13 digits and microseconds 16, until the year 5138.
FIRST_MICROSECONDS = 10**14
DAY_MILLISECONDS = 86_400_000

KLINE_FIELDS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_base_volume",
    "taker_buy_quote_volume",
    "unused",
)

TRADE_FIELDS = {
    "agg_trade_id": "a",
    "price": "p",
    "quantity": "q",
    "first_trade_id": "f",
    "last_trade_id": "l",
    "transact_time": "T",
    "is_buyer_maker": "m",
}

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9_.-]{1,20}$")]


class KlinesQuery(Query):
    """The candles of one symbol that are finished at ``as_of``."""

    symbol: Symbol
    interval: str
    as_of: AwareDatetime


class AggTradesQuery(Query):
    """The aggregate trades of one symbol."""

    symbol: Symbol


class BinanceKlines(BaseDataSource[BinanceSettings, KlinesQuery]):
    """Candles, oldest first, paged by time."""

    source = "binance"
    dataset = "klines"
    table = "raw.binance_klines"
    settings_key = "binance"
    media_suffix = "json"
    default_base_url = BASE_URL
    weight = 2

    def queries(self, start: date, end: date) -> Iterator[KlinesQuery]:
        """One query for each symbol of the settings, as of now."""
        for symbol in self.settings.symbols:
            yield KlinesQuery(
                start=start, end=end, symbol=symbol, interval=self.settings.interval, as_of=self.client.now()
            )

    def extract(self, query: KlinesQuery) -> Iterator[Reply]:
        """The replies, each page starting after the last candle of the one before."""
        params: dict[str, str | int | SecretStr] = {"symbol": query.symbol, "interval": query.interval, "limit": PAGE}
        start, end = _window(query)
        while start <= end:
            reply = self.client.get(
                f"{self.base_url}/api/v3/klines",
                params={**params, "startTime": start, "endTime": end},
                weight=self.weight,
                check=_kline_times,
            )
            times = _kline_times(reply)
            yield reply
            if len(times) < PAGE:
                return
            start = _advanced(start, _milliseconds(max(times)) + 1, query.symbol)

    @classmethod
    def read(cls, content: bytes, query: KlinesQuery) -> Mapping[str, Any]:
        """Candles as columns; the one that is still running is left out."""
        candles = json_rows(content)
        if any(len(candle) != len(KLINE_FIELDS) for candle in candles):
            raise ValueError(f"a candle has not {len(KLINE_FIELDS)} values")
        now = int(query.as_of.timestamp() * 1000)
        finished = [candle for candle in candles if _milliseconds(candle[KLINE_FIELDS.index("close_time")]) < now]
        columns = zip(*finished, strict=True) if finished else [()] * len(KLINE_FIELDS)
        return {
            **dict(zip(KLINE_FIELDS, columns, strict=True)),
            "symbol": [query.symbol] * len(finished),
            "interval": [query.interval] * len(finished),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The UTC day in which the candle opens."""
        return _utc_days(rows["open_time"])


class BinanceAggTrades(BaseDataSource[BinanceSettings, AggTradesQuery]):
    """Aggregate trades, oldest first: the first page by time, the others by trade id."""

    source = "binance"
    dataset = "agg_trades"
    table = "raw.binance_agg_trades"
    settings_key = "binance"
    media_suffix = "json"
    default_base_url = BASE_URL
    weight = 4

    def queries(self, start: date, end: date) -> Iterator[AggTradesQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield AggTradesQuery(start=start, end=end, symbol=symbol)

    def extract(self, query: AggTradesQuery) -> Iterator[Reply]:
        """The replies until a trade is later than the window."""
        start, end = _window(query)
        next_id = 0
        position: dict[str, int] = {"startTime": start, "endTime": end}
        while True:
            reply = self.client.get(
                f"{self.base_url}/api/v3/aggTrades",
                params={"symbol": query.symbol, "limit": PAGE, **position},
                weight=self.weight,
                check=_trade_positions,
            )
            positions = _trade_positions(reply)
            yield reply
            if len(positions) < PAGE:
                return
            last_id, last_time = max(positions)
            if _milliseconds(last_time) > end:
                return
            next_id = _advanced(next_id, last_id + 1, query.symbol)
            position = {"fromId": next_id}

    @classmethod
    def read(cls, content: bytes, query: AggTradesQuery) -> Mapping[str, Any]:
        """Trades as columns; the best-match flag may be missing."""
        trades = json_rows(content)
        return {
            **by_name(trades, TRADE_FIELDS),
            "is_best_match": [trade.get("M") for trade in trades],
            "symbol": [query.symbol] * len(trades),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The UTC day of the trade."""
        return _utc_days(rows["transact_time"])


def _window(query: Query) -> tuple[int, int]:
    """First and last millisecond of the query's days."""
    start = datetime.combine(query.start, time.min, UTC)
    end = datetime.combine(query.end, time.min, UTC) + timedelta(days=1)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1


def _milliseconds(instant: int) -> int:
    return instant if instant < FIRST_MICROSECONDS else instant // 1000


def _utc_days(instants: pa.Array) -> pa.Array:
    in_milliseconds = pc.less(instants, FIRST_MICROSECONDS)
    days = pc.if_else(
        in_milliseconds, pc.divide(instants, DAY_MILLISECONDS), pc.divide(instants, DAY_MILLISECONDS * 1000)
    )
    return days_since_epoch(days)


def _advanced(before: int, after: int, symbol: str) -> int:
    """The next page's position, which must lie ahead."""
    if after <= before:
        raise MalformedReply(f"binance: the pages of {symbol} do not advance; {MalformedReply.advice}.")
    return after


def _kline_times(reply: Reply) -> list[int]:
    """Opening times of a page."""
    return [_integer(row[0] if isinstance(row, list) and row else None) for row in validate_json(reply)]


def _trade_positions(reply: Reply) -> list[tuple[int, int]]:
    """Id and time of each trade of a page."""
    return [
        (_integer(row.get("a")), _integer(row.get("T"))) if isinstance(row, dict) else (_integer(None), 0)
        for row in validate_json(reply)
    ]


def _integer(value: object) -> int:
    if type(value) is not int:
        raise MalformedReply("sent rows without ids or times")
    return value
