"""EODHD: whole exchanges at once, their last bars and their symbols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.raw import day, flag, number, raw_table, text
from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.snapshots import SNAPSHOT_REACH, can_be_seen, snapshot_day
from atlas_assets.data_sources.stock.eodhd import BULK_COST, EodhdSettings, EodhdSource, Exchange

if TYPE_CHECKING:
    import pyarrow as pa

SATURDAY, SUNDAY = 5, 6
# Exchanges (vendor's codes) that are or were open on Sundays: Cairo, Riyadh, Tel Aviv.
OPEN_ON_SUNDAYS = frozenset({"EGX", "SR", "TA"})


class ExchangeQuery(Query):
    """What there is of one exchange."""

    exchange: Exchange

    @property
    def instrument(self) -> str:
        """The exchange."""
        return self.exchange


class SymbolsQuery(ExchangeQuery):
    """The symbols of one exchange: those that trade, or those that no longer do."""

    delisted: bool = False


class EodhdBulkEod(EodhdSource[ExchangeQuery]):
    """End-of-day bars of a whole exchange: one request for each day on which it may have been open."""

    table = raw_table(
        "eodhd",
        "bulk_eod",
        "EODHD end-of-day bars of whole exchanges as sent. One row per (exchange, code, date).\n\n"
        "Adjustments as in end-of-day bars. Funds are among the codes; volumes can have fractions.",
        columns={
            "exchange": text("Exchange asked for, such as US"),
            "code": text("Vendor symbol without the exchange"),
            "exchange_short_name": text("Exchange as sent", nullable=True),
            "date": day("Session date in the exchange's calendar"),
            "open": number("Opening price, unadjusted", unit="quote currency", nullable=True),
            "high": number("Highest price, unadjusted", unit="quote currency", nullable=True),
            "low": number("Lowest price, unadjusted", unit="quote currency", nullable=True),
            "close": number("Closing price, unadjusted", unit="quote currency", nullable=True),
            "adjusted_close": number(
                "Closing price, split and dividend adjusted", unit="quote currency", nullable=True
            ),
            "volume": number("Traded volume, split adjusted by the vendor", unit="shares", nullable=True),
        },
        key=("exchange", "code", "date"),
    )
    instrument_column = "exchange"
    settles_after = timedelta(days=2)

    @classmethod
    def is_wanted(cls, settings: EodhdSettings) -> bool:
        """Whether the settings name exchanges."""
        return settings.bulk is not None

    def queries(self, start: date, end: date) -> Iterator[ExchangeQuery]:
        """One query for each exchange of the settings."""
        if (part := self.settings.bulk) is not None:
            for exchange in part.exchanges:
                yield ExchangeQuery(start=start, end=end, as_of=self.client.now(), exchange=exchange)

    def extract(self, query: ExchangeQuery) -> Iterator[Reply]:
        """A reply for each day, none for days before the history that the settings want."""
        part = self.settings.bulk
        start = query.start if part is None else max(query.start, part.history_from)
        for session in _days_open(start, min(query.end, query.as_of.astimezone(UTC).date()), query.exchange):
            reply = self.ask("eod-bulk-last-day", query.exchange, {"date": session.isoformat()}, cost=BULK_COST)
            # Codes that were not traded that day can come with an older bar, which another reply holds.
            yield replace(reply, query=query.model_copy(update={"start": session, "end": session}))

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ExchangeQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        names = ("code", "exchange_short_name", "date", "open", "high", "low", "close", "adjusted_close", "volume")
        return {
            "exchange": [query.exchange] * len(records),
            **{name: [record[name] for record in records] for name in names},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ExchangeQuery) -> pa.ChunkedArray:
        """The session date."""
        return rows["date"]


class EodhdSymbols(EodhdSource[SymbolsQuery]):
    """Lists of symbols, the delisted ones beside the living: a snapshot a day, since the past cannot be asked for."""

    table = raw_table(
        "eodhd",
        "symbols",
        "EODHD lists of symbols as sent, trailing blanks included. One row per (exchange, snapshot_date, code, "
        "is_delisted).\n\nA code that was given to another company lives on with the suffix _old.",
        columns={
            "exchange": text("Exchange asked for, such as US"),
            "snapshot_date": day("Day (UTC) at whose end the list stood so"),
            "code": text("Vendor symbol without the exchange"),
            "is_delisted": flag("Whether it no longer trades"),
            "name": text("Name of the security", nullable=True),
            "country": text("Country of the exchange", nullable=True),
            "listed_on": text("Exchange as sent, such as NASDAQ", nullable=True),
            "currency": text("Currency of the prices", nullable=True),
            "type": text("Such as Common Stock, ETF or FUND", nullable=True),
            "isin": text("International securities identification number", nullable=True),
        },
        key=("exchange", "snapshot_date", "code", "is_delisted"),
    )
    instrument_column = "exchange"
    # A snapshot is final when it is taken.
    settles_after = timedelta(days=-1)
    reach = SNAPSHOT_REACH
    # Each session keeps its own snapshot, also where several are loaded again.
    days_per_query = 1

    @classmethod
    def is_wanted(cls, settings: EodhdSettings) -> bool:
        """Whether the settings name exchanges."""
        return bool(settings.symbol_lists)

    def queries(self, start: date, end: date) -> Iterator[SymbolsQuery]:
        """One query for each exchange of the settings."""
        for exchange in self.settings.symbol_lists:
            yield SymbolsQuery(start=start, end=end, as_of=self.client.now(), exchange=exchange)

    def extract(self, query: SymbolsQuery) -> Iterator[Reply]:
        """The list of the living, and that of the delisted; none where the window lies in the past."""
        if not can_be_seen(query):
            return
        for delisted in (False, True):
            only = {"delisted": 1} if delisted else {}
            reply = self.ask("exchange-symbol-list", query.exchange, only)
            yield replace(reply, query=query.model_copy(update={"delisted": delisted}))

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: SymbolsQuery) -> Mapping[str, Any]:
        """Symbols as columns."""
        keys = {"name": "Name", "country": "Country", "listed_on": "Exchange", "currency": "Currency", "type": "Type"}
        return {
            "exchange": [query.exchange] * len(records),
            "snapshot_date": [snapshot_day(query)] * len(records),
            "code": [record["Code"] for record in records],
            "is_delisted": [query.delisted] * len(records),
            **{name: [record[key] for record in records] for name, key in keys.items()},
            "isin": [record.get("Isin") for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: SymbolsQuery) -> pa.ChunkedArray:
        """The day of the snapshot."""
        return rows["snapshot_date"]


def _days_open(start: date, end: date, exchange: str) -> Iterator[date]:
    """The days on which an exchange may have been open; holidays are answered with an empty list."""
    closed = {SATURDAY} if exchange in OPEN_ON_SUNDAYS else {SATURDAY, SUNDAY}
    for offset in range((end - start).days + 1):
        if (one := start + timedelta(days=offset)).weekday() not in closed:
            yield one
