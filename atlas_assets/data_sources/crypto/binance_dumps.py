"""Binance's public archives: a zip a symbol and day, beside it the checksum that is verified before use."""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from atlas_assets.contracts.raw import LAKE_COLUMNS, RawTable, flag, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError, SourceError, TransientError
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.coverage import ONE_DAY
from atlas_assets.data_sources.crypto.binance import (
    BINANCE,
    KLINE_FIELDS,
    TRADE_FIELDS,
    BinanceAggTrades,
    BinanceKlines,
    Symbol,
    utc_days,
)
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import midnight

if TYPE_CHECKING:
    import pyarrow as pa

NOT_FOUND = 404
_NAME = re.compile(
    r"(?P<symbol>[A-Z0-9]{1,20})-(?P<kind>aggTrades|trades|[0-9]{1,2}[smhd])-(?P<day>\d{4}-\d\d-\d\d)\.zip"
)
PUBLISHED_WITHIN = timedelta(days=3)
"""A day's archives come on the next day; one that is missing for longer does not exist."""


def _same_columns(table: RawTable, dataset: str, what: str, key: str) -> RawTable:
    """The table of the archives, with the columns of the API's."""
    vendor_columns = {name: column for name, column in table.columns.items() if name not in LAKE_COLUMNS}
    description = f"Binance {what} of whole days from the public archives, as sent. One row per {key}."
    return raw_table("binance_dumps", dataset, description, columns=vendor_columns, key=table.key, rules=table.rules)


class Part(Section):
    """A large dataset: of which symbols, and since when."""

    symbols: list[Symbol] = Field(min_length=1)
    history_from: date


class BinanceDumpsSettings(SourceSettings):
    """Binance's public archives of spot trades and candles (no key); single trades only where they are asked for."""

    symbols: list[Symbol] = Field(min_length=1)
    interval: Literal["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"] = "1m"
    trades: Part | None = Field(default=None, description="`symbols` and `history_from` of the single trades")


BINANCE_DUMPS = Vendor(
    name="binance_dumps",
    title="Binance public data archives",
    domain="crypto",
    settings=BinanceDumpsSettings,
    base_url="https://data.binance.vision",
    access="No key.",
    limits="None published; the archives lie behind a content delivery network.",
    terms=BINANCE.terms,
    conventions=(
        "A day's archive comes on the next day and may be issued again with another checksum; the stored object's id "
        "is the SHA-256 that Binance published. Times are UTC, in milliseconds until 2024 and (16 digits) in "
        "microseconds from 2025-01-01. Prices and quantities are decimal strings."
    ),
)


class DumpQuery(Query):
    """The archives of one symbol."""

    symbol: Symbol
    interval: str = ""

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class BinanceDump(BaseDataSource[BinanceDumpsSettings, DumpQuery]):
    """Archives of one kind.

    Attributes
    ----------
    fields
        Columns of the CSV in order; spot archives have no header.
    optional_fields
        How many of the last ones may be absent.
    """

    vendor = BINANCE_DUMPS
    instrument_column = "symbol"
    media_suffix = "zip"
    days_per_query = 1
    fields: ClassVar[Sequence[str]]
    optional_fields: ClassVar[int] = 0

    def queries(self, start: date, end: date) -> Iterator[DumpQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield DumpQuery(
                start=start, end=end, as_of=self.client.now(), symbol=symbol, interval=self.settings.interval
            )

    def extract(self, query: DumpQuery) -> Iterator[Reply]:
        """The archive of each day that is over."""
        day = query.start
        while day <= query.end and _end_of(day) <= query.as_of:
            yield self._archive(query, day)
            day += ONE_DAY

    @classmethod
    @abstractmethod
    def folder_and_name(cls, query: DumpQuery, day: date) -> tuple[str, str]:
        """Where a day's archive lies below ``data/spot/daily``, and its name without the ending."""

    @classmethod
    def records(cls, content: bytes, query: DumpQuery) -> pa.Table:
        """Rows as a table; its lines where some cannot be read."""
        from atlas_assets.data_sources.archives import only_member
        from atlas_assets.data_sources.crypto.binance_csv import read_rows

        return read_rows(only_member(content, suffix=".csv"), cls.fields, optional=cls.optional_fields)

    @classmethod
    def columns(cls, records: pa.Table, query: DumpQuery) -> Mapping[str, Any]:
        """Rows as columns."""
        import pyarrow as pa

        from atlas_assets.data_sources.crypto.binance_csv import typed_columns

        return {
            "symbol": pa.repeat(query.symbol, records.num_rows),
            "interval": pa.repeat(query.interval, records.num_rows),
            "is_best_match": pa.nulls(records.num_rows, pa.bool_()),
            **typed_columns(records),
        }

    @classmethod
    def query_for_file(cls, name: str, as_of: datetime) -> DumpQuery | None:
        """An archive dropped under its own name, such as ``BTCUSDT-aggTrades-2018-12-31.zip``."""
        found = _NAME.fullmatch(name.rpartition("/")[2])
        if found is None:
            return None
        kind = found["kind"]
        try:
            day = date.fromisoformat(found["day"])
        except ValueError:
            return None
        interval = "" if kind in ("aggTrades", "trades") else kind
        query = DumpQuery(start=day, end=day, as_of=as_of, symbol=found["symbol"], interval=interval)
        return query if f"{cls.folder_and_name(query, day)[1]}.zip" == found[0] else None

    def _archive(self, query: DumpQuery, day: date) -> Reply:
        folder, name = self.folder_and_name(query, day)
        url = f"{self.base_url}/data/spot/daily/{folder}/{name}.zip"
        accepted: dict[str, Any] = {"accept": (NOT_FOUND,)}
        checksum = self.client.get(f"{url}.CHECKSUM", check=lambda reply: _published_sum(reply, name), **accepted)
        expected = _published_sum(checksum, name)
        if expected is not None:
            archive = self.client.get(url, check=lambda reply: _verify(reply, expected), **accepted)
            if archive.status != NOT_FOUND:
                return replace(archive, request={**archive.request, "published_sha256": expected})
        raise _missing(name, day, query.as_of)


class BinanceDumpAggTrades(BinanceDump):
    """Aggregate trades of whole days."""

    table = _same_columns(BinanceAggTrades.table, "agg_trades", "aggregate trades", "(symbol, agg_trade_id)")
    fields = tuple(TRADE_FIELDS)
    optional_fields = 1

    @classmethod
    def folder_and_name(cls, query: DumpQuery, day: date) -> tuple[str, str]:
        """A symbol's folder."""
        return f"aggTrades/{query.symbol}", f"{query.symbol}-aggTrades-{day}"

    @classmethod
    def row_dates(cls, rows: pa.Table, query: DumpQuery) -> Any:
        """The UTC day of the trade."""
        return utc_days(rows["transact_time"])


class BinanceDumpKlines(BinanceDump):
    """Candles of whole days."""

    table = _same_columns(BinanceKlines.table, "klines", "candles", "(symbol, interval, open_time)")
    fields = KLINE_FIELDS

    @classmethod
    def folder_and_name(cls, query: DumpQuery, day: date) -> tuple[str, str]:
        """A symbol's and interval's folder."""
        return f"klines/{query.symbol}/{query.interval}", f"{query.symbol}-{query.interval}-{day}"

    @classmethod
    def row_dates(cls, rows: pa.Table, query: DumpQuery) -> Any:
        """The UTC day in which the candle opens."""
        return utc_days(rows["open_time"])


class BinanceDumpTrades(BinanceDump):
    """Single trades of whole days, for the symbols of their own part of the settings."""

    table = raw_table(
        "binance_dumps",
        "trades",
        "Binance single trades of whole days from the public archives, as sent. One row per (symbol, trade_id).\n\n"
        "The aggregate trades are these, joined where one order filled several at one price: silver takes those only, "
        "because both together would count every trade twice.",
        columns={
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "trade_id": integer("Trade id, from first_trade_id to last_trade_id of its aggregate", ge=0),
            "price": text("Price, decimal string"),
            "quantity": text("Base quantity, decimal string"),
            "quote_quantity": text("Quote quantity, decimal string"),
            "time": integer("Time of the trade", unit="ms or µs since 1970", ge=0),
            "is_buyer_maker": flag("True when the seller was the aggressor"),
            "is_best_match": flag("Vendor's best-match flag", nullable=True),
        },
        key=("symbol", "trade_id"),
    )
    fields = ("trade_id", "price", "quantity", "quote_quantity", "time", "is_buyer_maker", "is_best_match")
    optional_fields = 1

    @classmethod
    def is_wanted(cls, settings: BinanceDumpsSettings) -> bool:
        """Whether the settings name symbols."""
        return settings.trades is not None

    def queries(self, start: date, end: date) -> Iterator[DumpQuery]:
        """One query for each symbol of the part."""
        for symbol in self.settings.trades.symbols if self.settings.trades else ():
            yield DumpQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol)

    def extract(self, query: DumpQuery) -> Iterator[Reply]:
        """The archive of each day that is over, from the first one of the part's history."""
        first = self.settings.trades.history_from if self.settings.trades else query.start
        if first <= query.end:
            yield from super().extract(query.model_copy(update={"start": max(query.start, first)}))

    @classmethod
    def folder_and_name(cls, query: DumpQuery, day: date) -> tuple[str, str]:
        """A symbol's folder."""
        return f"trades/{query.symbol}", f"{query.symbol}-trades-{day}"

    @classmethod
    def row_dates(cls, rows: pa.Table, query: DumpQuery) -> Any:
        """The UTC day of the trade."""
        return utc_days(rows["time"])


def _end_of(day: date) -> datetime:
    return midnight(day) + ONE_DAY


def _published_sum(reply: Reply, name: str) -> str | None:
    """The SHA-256 in a checksum file, None where there is no such file."""
    if reply.status == NOT_FOUND:
        return None
    found = re.fullmatch(rb"([0-9a-f]{64})[ *]+(\S+)\s*", reply.content)
    if found is None or found[2].decode("ascii", "replace") != f"{name}.zip":
        raise TransientError("sent a checksum file that is cut or damaged")
    return found[1].decode()


def _verify(reply: Reply, expected: str) -> None:
    """Refuse an archive that is cut, damaged or not the one the checksum speaks of."""
    if reply.status != NOT_FOUND and hashlib.sha256(reply.content).hexdigest() != expected:
        raise TransientError("sent an archive that does not have its published checksum")


def _missing(name: str, day: date, as_of: datetime) -> SourceError:
    if as_of - _end_of(day) < PUBLISHED_WITHIN:
        return TransientError(f"binance_dumps: {name}.zip is not published yet; {TransientError.advice}.")
    advice = "check the symbol, and let history_from be no earlier than its first day of trading"
    return PermanentError(f"binance_dumps: there is no {name}.zip; {advice}.", advice=advice, status=NOT_FOUND)
