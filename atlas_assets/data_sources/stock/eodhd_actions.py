"""EODHD: splits and dividends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_assets.contracts.raw import day, number, raw_table, text
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.stock.eodhd import EodhdSettings, EodhdSource, EodQuery

if TYPE_CHECKING:
    import pyarrow as pa

# How the vendor writes that a day is not known.
_NO_DAY = frozenset({None, "", "0000-00-00"})
_NUMERAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class EodhdActions(EodhdSource[EodQuery]):
    """What splits and dividends have in common: one request for each symbol and window."""

    instrument_column = "symbol"
    # Amounts and dates are corrected for some days.
    settles_after = timedelta(days=7)
    path: ClassVar[str]

    @classmethod
    def is_wanted(cls, settings: EodhdSettings) -> bool:
        """Whether the settings name symbols."""
        return bool(settings.corporate_actions)

    def queries(self, start: date, end: date) -> Iterator[EodQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.corporate_actions:
            yield EodQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol)

    def extract(self, query: EodQuery) -> Iterator[Reply]:
        """One reply that holds the whole window."""
        yield self.ask(self.path, query.symbol, {"from": query.start.isoformat(), "to": query.end.isoformat()})

    @classmethod
    def row_dates(cls, rows: pa.Table, query: EodQuery) -> pa.ChunkedArray:
        """The day on which it takes effect."""
        return rows["date"]


class EodhdSplits(EodhdActions):
    """Splits."""

    path = "splits"
    table = raw_table(
        "eodhd",
        "splits",
        "EODHD splits as sent. One row per (symbol, date).",
        columns={
            "symbol": text("Vendor symbol with exchange suffix, such as AAPL.US"),
            "date": day("First session with the new number of shares"),
            "split": text('New shares for old ones, such as "2.000000/1.000000"'),
        },
        key=("symbol", "date"),
        may_be_empty=True,
    )

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: EodQuery) -> Mapping[str, Any]:
        """Splits as columns."""
        return {
            "symbol": [query.symbol] * len(records),
            "date": [record["date"] for record in records],
            "split": [record["split"] for record in records],
        }


class EodhdDividends(EodhdActions):
    """Cash dividends."""

    path = "div"
    table = raw_table(
        "eodhd",
        "dividends",
        "EODHD cash dividends as sent. One row per (symbol, date, value): a special dividend can share its date.\n\n"
        "Only large companies have the other dates and the period. Amounts sent as decimal strings are numbers here.",
        columns={
            "symbol": text("Vendor symbol with exchange suffix, such as AAPL.US"),
            "date": day("Ex-dividend date"),
            "declaration_date": day("Day of the announcement", nullable=True),
            "record_date": day("Day on which holders are recorded", nullable=True),
            "payment_date": day("Day of the payment", nullable=True),
            "period": text("Such as Quarterly", nullable=True),
            "value": number("Amount a share, split adjusted", unit="currency"),
            "unadjusted_value": number("Amount a share as paid", unit="currency", nullable=True),
            "currency": text("Currency of the amounts", nullable=True),
        },
        key=("symbol", "date", "value"),
        may_be_empty=True,
    )

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: EodQuery) -> Mapping[str, Any]:
        """Dividends as columns."""
        return {
            "symbol": [query.symbol] * len(records),
            "date": [record["date"] for record in records],
            "declaration_date": [_day(record.get("declarationDate")) for record in records],
            "record_date": [_day(record.get("recordDate")) for record in records],
            "payment_date": [_day(record.get("paymentDate")) for record in records],
            "period": [record.get("period") for record in records],
            "value": [_amount(record["value"]) for record in records],
            "unadjusted_value": [_amount(record.get("unadjustedValue")) for record in records],
            "currency": [record.get("currency") for record in records],
        }


def _day(value: Any) -> Any:
    return None if isinstance(value, str | None) and value in _NO_DAY else value


def _amount(value: Any) -> Any:
    """An amount, which the vendor sends as a number or as its digits."""
    return float(value) if isinstance(value, str) and _NUMERAL.fullmatch(value) else value
