"""Binance spot: candles and aggregate trades."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import flag, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.client.limits import RateHeaders
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.crypto.binance_pages import (
    BEST_MATCH,
    KLINE_FIELDS,
    TRADE_FIELDS,
    candle_table,
    trade_table,
)
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

PAGE = 1000

# Milliseconds have 13 digits and microseconds 16, until the year 5138.
FIRST_MICROSECONDS = 10**14
DAY_MILLISECONDS = 86_400_000

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9_.-]{1,20}$")]


class BinanceSettings(SourceSettings):
    """Binance spot market data (no key)."""

    symbols: list[Symbol] = Field(min_length=1)
    interval: Literal["1m", "5m", "15m", "1h"] = "1m"


BINANCE = Vendor(
    name="binance",
    title="Binance spot",
    domain="crypto",
    settings=BinanceSettings,
    base_url="https://data-api.binance.vision",
    access="No key.",
    limits="6,000 request weight a minute and address; 418 bans an address that goes on after 429.",
    terms="Binance's product terms; no right of redistribution is granted.",
    conventions=(
        "Times are UTC, in milliseconds or (16 digits) microseconds. A candle is named by its opening time. Prices and "
        "quantities are decimal strings."
    ),
    rate_headers=RateHeaders(used="x-mbx-used-weight-1m"),
)


class KlinesQuery(Query):
    """The candles of one symbol that are finished at ``as_of``."""

    symbol: Symbol
    interval: str

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class AggTradesQuery(Query):
    """The aggregate trades of one symbol."""

    symbol: Symbol

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class BinanceKlines(BaseDataSource[BinanceSettings, KlinesQuery]):
    """Candles, oldest first, paged by time."""

    vendor = BINANCE
    table = raw_table(
        "binance",
        "klines",
        "Binance candles as sent (finished ones only). One row per (symbol, interval, open_time).",
        columns={
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "interval": text("Candle length, such as 1m"),
            "open_time": integer("Start of the candle", unit="ms or µs since 1970", ge=0),
            "open": text("First price, decimal string"),
            "high": text("Highest price, decimal string"),
            "low": text("Lowest price, decimal string"),
            "close": text("Last price, decimal string"),
            "volume": text("Base volume, decimal string"),
            "close_time": integer("Last instant of the candle", unit="ms or µs since 1970", ge=0),
            "quote_volume": text("Quote volume, decimal string"),
            "trades": integer("Number of trades", ge=0),
            "taker_buy_base_volume": text("Base volume bought by takers, decimal string"),
            "taker_buy_quote_volume": text("Quote volume bought by takers, decimal string"),
        },
        key=("symbol", "interval", "open_time"),
        rules=("open_time <= close_time",),
    )
    instrument_column = "symbol"
    days_per_query = 31
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
    def records(cls, content: bytes, query: KlinesQuery) -> Sequence[Any] | pa.Table:
        """Candles, as a table where all are as documented, else as sent; the one still running is left out."""
        now = int(query.as_of.timestamp() * 1000)
        if (table := candle_table(content)) is not None:
            import pyarrow.compute as pc

            closes = table["close_time"]
            in_milliseconds = pc.if_else(pc.less(closes, FIRST_MICROSECONDS), closes, pc.divide(closes, 1000))
            is_over = pc.less(in_milliseconds, now)
            return table if pc.all(is_over, min_count=0).as_py() else table.filter(is_over)
        closing = KLINE_FIELDS.index("close_time")
        return [candle for candle in json_rows(content) if not _is_running(candle, closing, now)]

    @classmethod
    def columns(cls, records: Any, query: KlinesQuery) -> Mapping[str, Any]:
        """Candles as columns."""
        import pyarrow as pa

        if isinstance(records, pa.Table):
            columns = records.columns
        elif any(len(candle) != len(KLINE_FIELDS) for candle in records):
            raise ValueError(f"a candle has not {len(KLINE_FIELDS)} values")
        else:
            columns = zip(*records, strict=True) if records else [()] * len(KLINE_FIELDS)
        return {
            "symbol": pa.repeat(query.symbol, len(records)),
            "interval": pa.repeat(query.interval, len(records)),
            **dict(zip(KLINE_FIELDS, columns, strict=True)),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: KlinesQuery) -> pa.Array:
        """The UTC day in which the candle opens."""
        return utc_days(rows["open_time"])


class BinanceAggTrades(BaseDataSource[BinanceSettings, AggTradesQuery]):
    """Aggregate trades, oldest first: the first page by time, the others by trade id."""

    vendor = BINANCE
    table = raw_table(
        "binance",
        "agg_trades",
        "Binance aggregate trades as sent. One row per (symbol, agg_trade_id).",
        columns={
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "agg_trade_id": integer("Aggregate trade id", ge=0),
            "price": text("Price, decimal string"),
            "quantity": text("Base quantity, decimal string"),
            "first_trade_id": integer("First trade in the aggregate", ge=0),
            "last_trade_id": integer("Last trade in the aggregate", ge=0),
            "transact_time": integer("Time of the trade", unit="ms or µs since 1970", ge=0),
            "is_buyer_maker": flag("True when the seller was the aggressor"),
            "is_best_match": flag("Vendor's best-match flag", nullable=True),
        },
        key=("symbol", "agg_trade_id"),
        rules=("first_trade_id <= last_trade_id",),
    )
    instrument_column = "symbol"
    days_per_query = 1
    weight = 4

    def queries(self, start: date, end: date) -> Iterator[AggTradesQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield AggTradesQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol)

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
    def records(cls, content: bytes, query: AggTradesQuery) -> Sequence[Any] | pa.Table:
        """Trades: as a table where all are as documented, else as sent."""
        table = trade_table(content)
        return json_rows(content) if table is None else table

    @classmethod
    def columns(cls, records: Any, query: AggTradesQuery) -> Mapping[str, Any]:
        """Trades as columns; the best-match flag may be missing."""
        import pyarrow as pa

        from atlas_assets.data_sources.parsing import by_name

        symbol = pa.repeat(query.symbol, len(records))
        if isinstance(records, pa.Table):
            return {"symbol": symbol, **{name: records[key] for name, key in TRADE_FIELDS.items()}}
        required = {name: key for name, key in TRADE_FIELDS.items() if key != BEST_MATCH}
        return {
            "symbol": symbol,
            **by_name(records, required),
            "is_best_match": [record.get(BEST_MATCH) for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: AggTradesQuery) -> pa.Array:
        """The UTC day of the trade."""
        return utc_days(rows["transact_time"])


def _window(query: Query) -> tuple[int, int]:
    """First and last millisecond of the query's days."""
    start = datetime.combine(query.start, time.min, UTC)
    end = datetime.combine(query.end, time.min, UTC) + timedelta(days=1)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1


def _milliseconds(instant: int) -> int:
    return instant if instant < FIRST_MICROSECONDS else instant // 1000


def _is_running(candle: Any, closes: int, now: int) -> bool:
    """Whether a candle closes later than now; what is no candle is for `columns` to refuse."""
    close_time = candle[closes] if isinstance(candle, list) and len(candle) > closes else None
    return type(close_time) is int and _milliseconds(close_time) >= now


def utc_days(instants: Any) -> Any:
    """The UTC day (date32) of instants in milliseconds or, told by their digits, in microseconds since 1970."""
    import pyarrow.compute as pc

    from atlas_assets.data_sources.parsing import days_since_epoch

    in_milliseconds = pc.less(instants, FIRST_MICROSECONDS)
    days = pc.divide(instants, DAY_MILLISECONDS)
    if not pc.all(in_milliseconds, min_count=0).as_py():
        days = pc.if_else(in_milliseconds, days, pc.divide(instants, DAY_MILLISECONDS * 1000))
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
    if (table := None if reply.is_html else trade_table(reply.content)) is not None:
        pairs = zip(table["a"].to_pylist(), table["T"].to_pylist(), strict=True)
    else:
        pairs = (
            (row.get("a"), row.get("T")) if isinstance(row, dict) else (None, None) for row in validate_json(reply)
        )
    return [(_integer(number), _integer(moment)) for number, moment in pairs]


def _integer(value: object) -> int:
    if type(value) is not int:
        raise MalformedReply("sent rows without ids or times")
    return value
