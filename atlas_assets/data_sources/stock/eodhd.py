"""EODHD: daily and intraday bars of stocks and indices."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import day, integer, number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.settings import PATH_PART, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import divided, is_running, midnight

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

Symbol = Annotated[str, Field(max_length=64, pattern=PATH_PART)]
Exchange = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16}$")]
Interval = Literal["1m", "5m", "1h"]

# Days that one request may span, and seconds of a bar.
LONGEST_SPAN: Mapping[str, int] = {"1m": 120, "5m": 600, "1h": 7200}
BAR_SECONDS: Mapping[str, int] = {"1m": 60, "5m": 300, "1h": 3600}

DAY_SECONDS = 86_400
# The year 2286; milliseconds lie beyond.
LATEST_TIMESTAMP = 10**10

# What a call costs of the day's calls.
COST = 1
INTRADAY_COST = 5
BULK_COST = 100


class IntradaySettings(Section):
    """Intraday bars: of which symbols, how long, and since when."""

    symbols: list[str] = Field(min_length=1)
    interval: Interval = "5m"
    history_from: date


class BulkSettings(Section):
    """Whole exchanges in one request a day: which, and since when."""

    exchanges: list[Exchange] = Field(min_length=1)
    history_from: date


class EodhdSettings(SourceSettings):
    """EODHD; a dataset whose part is left out is not loaded."""

    api_key: SecretStr | None = None
    symbols: list[str] = Field(min_length=1, description="vendor symbols with exchange, such as AAPL.US")
    intraday: IntradaySettings | None = Field(
        default=None, description="`symbols`, `interval` (1m, 5m or 1h) and `history_from` of the intraday bars"
    )
    corporate_actions: list[str] = Field(default=[], description="symbols whose splits and dividends are loaded")
    bulk: BulkSettings | None = Field(
        default=None, description="`exchanges` and `history_from` of the bars of whole exchanges"
    )
    symbol_lists: list[Exchange] = Field(
        default=[], description="exchanges whose lists of symbols are kept, such as US"
    )


EODHD = Vendor(
    name="eodhd",
    title="EODHD",
    domain="stock",
    settings=EodhdSettings,
    section="eod_historical",
    base_url="https://eodhd.com/api",
    required_secrets=("api_key",),
    access=(
        "API token; the free plan gives one year of daily bars and 20 calls a day, intraday bars need "
        "EOD+Intraday, bulk replies and lists any paid plan."
    ),
    limits=(
        "About 1,000 requests a minute (the header says how many) and 100,000 calls a day on paid plans; the day ends "
        "at 00:00 UTC. A request costs 1 call, an intraday one 5, one for a whole exchange 100."
    ),
    terms="Free and personal plans are for personal use; redistribution needs another plan.",
    conventions=(
        "Sessions are exchange days. Open, high, low and close are unadjusted, adjusted_close is split and dividend "
        "adjusted and changes for all history with each corporate action, volume is split adjusted. Intraday bars are "
        "unadjusted and named by their opening in UTC."
    ),
    rate_headers=RateHeaders(limit="x-ratelimit-limit", remaining="x-ratelimit-remaining"),
    quota=Quota(),
)

# What the free plan adds to the last row, or sends as a last row of its own, when it cuts the history.
WARNING = "warning"


class EodQuery(Query):
    """What there is of one symbol."""

    symbol: Symbol

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class IntradayQuery(EodQuery):
    """The bars of one symbol that are finished at ``as_of``."""

    interval: Interval


Q = TypeVar("Q", bound=Query)


class EodhdSource(BaseDataSource[EodhdSettings, Q]):
    """What the datasets have in common: how to ask, the days of the partitions, and the plan's warning."""

    vendor = EODHD
    # Sessions of New York, whatever the exchange: one key a weekday stays below 10,000 for 39 years.
    calendar = "XNYS"
    unkept = frozenset({WARNING})

    def ask(self, path: str, name: str, params: Mapping[str, str | int], *, cost: int = COST) -> Reply:
        """The list that the vendor answers; a note in the log when the plan cuts its history."""
        sent = {**params, "fmt": "json", "api_token": self.secret("api_key")}
        address = f"{self.base_url}/{path}/{quote(name, safe='')}"
        reply = self.client.get(address, params=sent, cost=cost, check=validate_json)
        if f'"{WARNING}"'.encode() in reply.content:
            logger.warning("eodhd: the plan limits the history of %s; rows before the limit are missing.", name)
        return reply

    @classmethod
    def records(cls, content: bytes, query: Q) -> Sequence[Any]:
        """Rows; one that holds nothing but the plan's warning is none."""
        return [row for row in json_rows(content) if not (isinstance(row, dict) and row.keys() == {WARNING})]


class EodhdEod(EodhdSource[EodQuery]):
    """End-of-day bars: one request for each symbol and window."""

    table = raw_table(
        "eodhd",
        "eod",
        "EODHD end-of-day bars as sent. One row per (symbol, date).\n\n"
        "Open, high, low and close are unadjusted, ``adjusted_close`` is split and dividend adjusted,\n"
        "``volume`` is split adjusted.",
        columns={
            "symbol": text("Vendor symbol with exchange suffix, such as GSPC.INDX"),
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
        key=("symbol", "date"),
    )
    instrument_column = "symbol"
    # Volumes of US sessions are published again once the consolidated tape has arrived.
    settles_after = timedelta(days=2)

    def queries(self, start: date, end: date) -> Iterator[EodQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield EodQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol)

    def extract(self, query: EodQuery) -> Iterator[Reply]:
        """One reply that holds the whole window."""
        days = {"from": query.start.isoformat(), "to": query.end.isoformat()}
        yield self.ask("eod", query.symbol, {**days, "period": "d", "order": "a"})

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: EodQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        names = ("date", "open", "high", "low", "close", "adjusted_close", "volume")
        return {
            "symbol": [query.symbol] * len(records),
            **{name: [record[name] for record in records] for name in names},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: EodQuery) -> pa.ChunkedArray:
        """The session date."""
        return rows["date"]


class EodhdIntraday(EodhdSource[IntradayQuery]):
    """Intraday bars; a long window is asked for in the spans that the vendor allows."""

    table = raw_table(
        "eodhd",
        "intraday",
        "EODHD intraday bars as sent (finished ones only), unadjusted. One row per (symbol, interval, timestamp).\n\n"
        "A bar without volume is the closing print, one without prices had no trade.",
        columns={
            "symbol": text("Vendor symbol with exchange suffix, such as AAPL.US"),
            "interval": text("Length of the bar: 1m, 5m or 1h"),
            "timestamp": integer("Start of the bar", unit="s since 1970", ge=0),
            "gmtoffset": integer("Offset of the datetime from UTC; 0", unit="s", nullable=True),
            "datetime": text("Start of the bar (UTC) as sent"),
            "open": number("First price", unit="quote currency", nullable=True),
            "high": number("Highest price", unit="quote currency", nullable=True),
            "low": number("Lowest price", unit="quote currency", nullable=True),
            "close": number("Last price", unit="quote currency", nullable=True),
            "volume": number("Traded volume", unit="shares", nullable=True),
        },
        key=("symbol", "interval", "timestamp"),
    )
    instrument_column = "symbol"
    settles_after = timedelta(days=1)

    @classmethod
    def is_wanted(cls, settings: EodhdSettings) -> bool:
        """Whether the settings name symbols."""
        return settings.intraday is not None

    def queries(self, start: date, end: date) -> Iterator[IntradayQuery]:
        """One query for each symbol of the settings."""
        if (part := self.settings.intraday) is not None:
            for symbol in part.symbols:
                yield IntradayQuery(
                    start=start, end=end, as_of=self.client.now(), symbol=symbol, interval=part.interval
                )

    def extract(self, query: IntradayQuery) -> Iterator[Reply]:
        """A reply for each span, none for days before the history that the settings want."""
        part = self.settings.intraday
        start = query.start if part is None else max(query.start, part.history_from)
        for first, last in divided(start, query.end, LONGEST_SPAN[query.interval]):
            span = {"from": _seconds(first), "to": _seconds(last + timedelta(days=1)) - 1}
            yield self.ask("intraday", query.symbol, {**span, "interval": query.interval}, cost=INTRADAY_COST)

    @classmethod
    def records(cls, content: bytes, query: IntradayQuery) -> Sequence[Any]:
        """Bars; the one that is still running is left out."""
        length = BAR_SECONDS[query.interval]
        return [row for row in super().records(content, query) if not is_running(_end_of(row, length), query.as_of)]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: IntradayQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        names = ("timestamp", "gmtoffset", "datetime", "open", "high", "low", "close", "volume")
        return {
            "symbol": [query.symbol] * len(records),
            "interval": [query.interval] * len(records),
            **{name: [record[name] for record in records] for name in names},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: IntradayQuery) -> pa.Array:
        """The UTC day in which the bar opens."""
        import pyarrow.compute as pc

        from atlas_assets.data_sources.parsing import days_since_epoch

        return days_since_epoch(pc.divide(rows["timestamp"], DAY_SECONDS))


def _seconds(day: date) -> int:
    """When a day begins, in seconds since 1970."""
    return int(midnight(day).timestamp())


def _end_of(row: Any, length: int) -> datetime | None:
    """When a bar ends; None for what is no bar, which is for `columns` to refuse."""
    begins = row.get("timestamp") if isinstance(row, dict) else None
    if type(begins) is not int or not 0 <= begins < LATEST_TIMESTAMP:
        return None
    return datetime.fromtimestamp(begins + length, UTC)
