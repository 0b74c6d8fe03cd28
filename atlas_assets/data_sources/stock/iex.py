"""IEX Cloud: archived replies only, since the service ended in August 2024."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_assets.contracts.raw import day, integer, number, raw_table, text
from atlas_assets.data_sources.base import WHOLE_DATASET, BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError
from atlas_assets.data_sources.client.reply import Reply, json_rows
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "iex"
PRICE = "USD a share"
FIRST_DAY = date(1970, 1, 1)

# A share class follows a dot, a dash or one of the suffixes of IEX, such as BRK.B or ABR-D.
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,9}([.+=^#*-][A-Za-z]{1,3}(?![A-Za-z0-9]))?")
_KIND = re.compile(r"(?<![a-z])(chart|intraday(-prices)?)(?![a-z])", re.IGNORECASE)
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class IexSettings(SourceSettings):
    """Archived replies of IEX Cloud."""


IEX = Vendor(
    name="iex",
    title="IEX Cloud (archive)",
    domain="stock",
    settings=IexSettings,
    base_url="https://cloud.iexapis.com/stable",
    access="None: the service ended on 31 August 2024. Replies kept from before are read from dropped files.",
    limits="None.",
    terms="Those of the plan under which the replies were received; check that it allowed keeping them.",
    conventions=(
        "A chart row names an exchange day; plain prices are split adjusted, u… unadjusted, f… fully adjusted; updated "
        "is in milliseconds, with fractions at times. Minutes are New York time; plain columns are trades at IEX, "
        "market… the whole market; a minute without a trade is null."
    ),
)


class ArchiveQuery(Query):
    """What an archived reply holds.

    Attributes
    ----------
    symbol
        Symbol of rows that do not name theirs; empty when the file does not say.
    """

    symbol: str = ""

    @property
    def instrument(self) -> str:
        """The symbol, or all there is."""
        return self.symbol or WHOLE_DATASET


class IexArchive(BaseDataSource[IexSettings, ArchiveQuery]):
    """What archived replies have in common: they are read from files below ``iex/``, never asked for.

    A file is named after its symbol, ``iex/AAPL_2021.json``; ``intraday`` in the path or name, as in
    ``iex/intraday/AAPL.json`` or ``iex/intraday_AAPL_2019.json``, says that it holds minutes. It holds the list that
    the vendor sent, or the object by symbol of its batch requests.
    """

    vendor = IEX
    instrument_column = "symbol"
    calendar = "XNYS"
    files_only = True
    # The service is gone: its replies gain no field any more.
    unkept = None
    kind: ClassVar[str]
    batch_key: ClassVar[str]

    def queries(self, start: date, end: date) -> Iterator[ArchiveQuery]:
        """None: there is nobody to ask."""
        Query(start=start, end=end)
        return iter(())

    def extract(self, query: ArchiveQuery) -> Iterator[Reply]:
        """Nothing.

        Raises
        ------
        PermanentError
            Always.
        """
        advice = f"drop archived replies into the landing folder as {FOLDER}/<SYMBOL>.json, or enable alpaca or tiingo"
        raise PermanentError(f"iex {self.kind}: the service ended in August 2024; {advice}.", advice=advice)

    @classmethod
    def query_for_file(cls, name: str, as_of: datetime) -> ArchiveQuery | None:
        """The query of a file below ``iex/`` that holds this dataset."""
        path = PurePosixPath(name)
        if path.suffix.lower() != ".json" or len(path.parts) < 2 or path.parts[0].lower() != FOLDER:
            return None
        within = "/".join(path.parts[1:])
        said = _KIND.findall(within)
        is_intraday = any(kind.lower().startswith("intraday") for kind, _ in said)
        if is_intraday != (cls.kind == "intraday"):
            return None
        found = _SYMBOL.match(_KIND.sub("", path.stem).lstrip("_- "))
        symbol = found[0].upper() if found else ""
        return ArchiveQuery(start=FIRST_DAY, end=as_of.astimezone(UTC).date(), as_of=as_of, symbol=symbol)

    @classmethod
    def records(cls, content: bytes, query: ArchiveQuery) -> Sequence[Any]:
        """Rows; those of a batch reply each with the symbol they stand under."""
        payload = json.loads(content)
        if not isinstance(payload, dict) or not payload or not all(map(cls._is_batched, payload.values())):
            return json_rows(content)
        return [
            {**row, "symbol": symbol} if isinstance(row, dict) else row
            for symbol, datasets in payload.items()
            for row in datasets[cls.batch_key]
        ]

    @classmethod
    def _is_batched(cls, datasets: Any) -> bool:
        return isinstance(datasets, dict) and isinstance(datasets.get(cls.batch_key), list)

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ArchiveQuery) -> pa.ChunkedArray:
        """The exchange day."""
        return rows["date"]


class IexChart(IexArchive):
    """Daily bars of ``/stock/{symbol}/chart/{range}``."""

    kind = batch_key = "chart"
    table = raw_table(
        "iex",
        "chart",
        "Daily bars in archived replies of IEX Cloud, as sent. One row per (symbol, date).\n\n"
        "Plain prices and volume are split adjusted, ``unadjusted_…`` unadjusted, ``fully_adjusted_…`` split and\n"
        "dividend adjusted. Older replies lack the last two.",
        columns={
            "symbol": text("Symbol, from the row or the file's name"),
            "date": day("Exchange day"),
            "open": number("Opening price, split adjusted", unit=PRICE, nullable=True),
            "high": number("Highest price, split adjusted", unit=PRICE, nullable=True),
            "low": number("Lowest price, split adjusted", unit=PRICE, nullable=True),
            "close": number("Closing price, split adjusted", unit=PRICE, nullable=True),
            "volume": number("Volume, split adjusted; with fractions at times", unit="shares", nullable=True),
            "unadjusted_open": number("Opening price, unadjusted", unit=PRICE, nullable=True),
            "unadjusted_high": number("Highest price, unadjusted", unit=PRICE, nullable=True),
            "unadjusted_low": number("Lowest price, unadjusted", unit=PRICE, nullable=True),
            "unadjusted_close": number("Closing price, unadjusted", unit=PRICE, nullable=True),
            "unadjusted_volume": number("Volume, unadjusted", unit="shares", nullable=True),
            "fully_adjusted_open": number("Opening price, split and dividend adjusted", unit=PRICE, nullable=True),
            "fully_adjusted_high": number("Highest price, split and dividend adjusted", unit=PRICE, nullable=True),
            "fully_adjusted_low": number("Lowest price, split and dividend adjusted", unit=PRICE, nullable=True),
            "fully_adjusted_close": number("Closing price, split and dividend adjusted", unit=PRICE, nullable=True),
            "fully_adjusted_volume": number("Volume, fully adjusted", unit="shares", nullable=True),
            "change": number("Change from the day before", unit=PRICE, nullable=True),
            "change_percent": number("Relative change from the day before", nullable=True),
            "change_over_time": number("Relative change from the reply's first row", nullable=True),
            "updated": number("When the vendor last wrote the row", unit="ms since 1970", nullable=True),
        },
        key=("symbol", "date"),
    )

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ArchiveQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        prices = ("Open", "High", "Low", "Close", "Volume")
        # Some requests (chartCloseOnly) asked for no more than closes.
        plain = ("open", "high", "low", "volume")
        sets = {"unadjusted": "u", "fully_adjusted": "f"}
        others = {
            "change": "change",
            "change_percent": "changePercent",
            "change_over_time": "changeOverTime",
            "updated": "updated",
        }
        return {
            "symbol": [_symbol(record, query) for record in records],
            "date": [_day(record["date"]) for record in records],
            "close": [record["close"] for record in records],
            **{name: [record.get(name) for record in records] for name in plain},
            **{
                f"{prefix}_{name.lower()}": [record.get(f"{letter}{name}") for record in records]
                for prefix, letter in sets.items()
                for name in prices
            },
            **{name: [record.get(key) for record in records] for name, key in others.items()},
        }


class IexIntraday(IexArchive):
    """Minutes of ``/stock/{symbol}/intraday-prices`` and of one-day charts."""

    kind = "intraday"
    batch_key = "intraday-prices"
    table = raw_table(
        "iex",
        "intraday",
        "Minutes in archived replies of IEX Cloud, as sent. One row per (symbol, date, minute).\n\n"
        "Plain columns are trades at IEX, ``market_…`` the whole market; a minute without a trade is null.",
        columns={
            "symbol": text("Symbol, from the row or the file's name"),
            "date": day("Exchange day"),
            "minute": text("Start of the minute, HH:MM in New York"),
            "open": number("First price at IEX", unit=PRICE, nullable=True),
            "high": number("Highest price at IEX", unit=PRICE, nullable=True),
            "low": number("Lowest price at IEX", unit=PRICE, nullable=True),
            "close": number("Last price at IEX", unit=PRICE, nullable=True),
            "average": number("Mean price at IEX", unit=PRICE, nullable=True),
            "volume": number("Volume at IEX", unit="shares", nullable=True),
            "notional": number("Value traded at IEX", unit="USD", nullable=True),
            "number_of_trades": integer("Trades at IEX", nullable=True),
            "market_open": number("First price of the market", unit=PRICE, nullable=True),
            "market_high": number("Highest price of the market", unit=PRICE, nullable=True),
            "market_low": number("Lowest price of the market", unit=PRICE, nullable=True),
            "market_close": number("Last price of the market", unit=PRICE, nullable=True),
            "market_average": number("Mean price of the market", unit=PRICE, nullable=True),
            "market_volume": number("Volume of the market", unit="shares", nullable=True),
            "market_notional": number("Value traded in the market", unit="USD", nullable=True),
            "market_number_of_trades": integer("Trades of the market", nullable=True),
        },
        key=("symbol", "date", "minute"),
    )

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ArchiveQuery) -> Mapping[str, Any]:
        """Minutes as columns."""
        required = ("open", "high", "low", "close", "average", "volume", "notional")
        return {
            "symbol": [_symbol(record, query) for record in records],
            "date": [_day(record["date"]) for record in records],
            "minute": [record["minute"] for record in records],
            **{name: [record[name] for record in records] for name in required},
            "number_of_trades": [record["numberOfTrades"] for record in records],
            **{f"market_{name}": [record.get(f"market{name.title()}") for record in records] for name in required},
            "market_number_of_trades": [record.get("marketNumberOfTrades") for record in records],
        }


def _symbol(record: Mapping[str, Any], query: ArchiveQuery) -> Any:
    """The row's own symbol, else the file's."""
    symbol = record.get("symbol") or record.get("key") or query.symbol
    if not symbol:
        raise ValueError("neither the row nor the file's name holds a symbol")
    return symbol


def _day(value: Any) -> Any:
    """A day written 20190125 as 2019-01-25; anything else as it is."""
    found = _COMPACT_DAY.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else "-".join(found.groups())
