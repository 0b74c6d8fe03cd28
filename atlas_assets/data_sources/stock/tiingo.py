"""Tiingo: daily bars with their corporate actions, and intraday prices of the IEX exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import day, number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError, QuotaExhausted, SourceError, TransientError
from atlas_assets.data_sources.client.limits import Quota
from atlas_assets.data_sources.client.reply import Reply, excerpt, json_rows, validate_json
from atlas_assets.data_sources.new_york import instant_of, new_york_days
from atlas_assets.data_sources.settings import PATH_PART, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import divided, is_running

if TYPE_CHECKING:
    import pyarrow as pa

# Bars that one intraday request can surely hold (older documentation: the last 2,000 of the window).
SURE_BARS = 2_000
SESSION_MINUTES = 390
BAR_MINUTES: Mapping[str, int] = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "1hour": 60}
HOUR_SECONDS = 3600.0

Symbol = Annotated[str, Field(max_length=32, pattern=PATH_PART)]
Interval = Literal["1min", "5min", "15min", "30min", "1hour"]

_LONGER_QUOTAS = ("daily request allocation", "monthly")
_HOURLY_QUOTA = "hourly request allocation"
_TRADING_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T00:00:00(\.0+)?(Z|\+00:00))?")
_PASSING = re.compile(r"tempor|try again|unavailable|timed? ?out|internal", re.IGNORECASE)


class IntradaySettings(Section):
    """Intraday bars: of which symbols, how long, and since when."""

    symbols: list[Symbol] = Field(min_length=1)
    interval: Interval = "5min"
    history_from: date


class TiingoSettings(SourceSettings):
    """Tiingo; intraday bars are loaded when their part is there."""

    api_key: SecretStr | None = None
    symbols: list[Symbol] = Field(min_length=1, description="tickers, such as AAPL")
    intraday: IntradaySettings | None = Field(
        default=None, description="`symbols`, `interval` (1min to 1hour) and `history_from` of the intraday bars"
    )


TIINGO = Vendor(
    name="tiingo",
    title="Tiingo",
    domain="stock",
    settings=TiingoSettings,
    base_url="https://api.tiingo.com",
    required_secrets=("api_key",),
    access="API token of a free account: 500 symbols a month.",
    limits="Free: 50 requests an hour and 1,000 a day, which ends at midnight in New York; power plan: 5,000 an hour.",
    terms="Internal use with attribution; redistribution needs a licence.",
    conventions=(
        "A daily date names a trading day, not an instant. Raw and fully adjusted prices stand in one row with the "
        "dividend and split of that day; a row with one of them changes the adjusted prices of all history: reload it. "
        "Intraday bars are named by their opening in UTC and hold the IEX book only, unadjusted."
    ),
    # Midnight in New York, by the later of its two offsets.
    quota=Quota(resets_at=time(5), phrases=_LONGER_QUOTAS),
)

PRICE = "quote currency"


class DailyQuery(Query):
    """The bars of one symbol."""

    symbol: Symbol

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class IntradayQuery(DailyQuery):
    """The bars of one symbol that are finished at ``as_of``."""

    interval: Interval


Q = TypeVar("Q", bound=DailyQuery)


class TiingoSource(BaseDataSource[TiingoSettings, Q]):
    """What the datasets have in common."""

    vendor = TIINGO
    instrument_column = "symbol"
    calendar = "XNYS"
    settles_after = timedelta(days=1)

    def ask(self, path: str, first: date, last: date, params: Mapping[str, str]) -> Reply:
        """The list of bars for some days."""
        return self.client.get(
            f"{self.base_url}/{path}/prices",
            params={"startDate": first.isoformat(), "endDate": last.isoformat(), "format": "json", **params},
            headers={"Authorization": SecretStr(f"Token {self.secret('api_key').get_secret_value()}")},
            check=bars_of,
        )


class TiingoDaily(TiingoSource[DailyQuery]):
    """Daily bars: one request for each symbol and window."""

    table = raw_table(
        "tiingo",
        "daily",
        "Tiingo daily bars as sent, raw and fully adjusted. One row per (symbol, date).",
        columns={
            "symbol": text("Ticker, such as AAPL"),
            "date": day("Trading day"),
            "open": number("Opening price, unadjusted", unit=PRICE, nullable=True),
            "high": number("Highest price, unadjusted", unit=PRICE, nullable=True),
            "low": number("Lowest price, unadjusted", unit=PRICE, nullable=True),
            "close": number("Closing price, unadjusted", unit=PRICE, nullable=True),
            "volume": number("Traded volume, unadjusted", unit="shares", nullable=True),
            "adj_open": number("Opening price, split and dividend adjusted", unit=PRICE, nullable=True),
            "adj_high": number("Highest price, split and dividend adjusted", unit=PRICE, nullable=True),
            "adj_low": number("Lowest price, split and dividend adjusted", unit=PRICE, nullable=True),
            "adj_close": number("Closing price, split and dividend adjusted", unit=PRICE, nullable=True),
            "adj_volume": number("Traded volume, split adjusted", unit="shares", nullable=True),
            "div_cash": number("Dividend a share that goes ex on the day; 0 for none", unit=PRICE),
            "split_factor": number("New shares for an old one from the day on; 1 for no split"),
        },
        key=("symbol", "date"),
    )

    def queries(self, start: date, end: date) -> Iterator[DailyQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.settings.symbols:
            yield DailyQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol)

    def extract(self, query: DailyQuery) -> Iterator[Reply]:
        """One reply that holds the whole window."""
        yield self.ask(
            f"tiingo/daily/{quote(query.symbol, safe='')}", query.start, query.end, {"resampleFreq": "daily"}
        )

    @classmethod
    def records(cls, content: bytes, query: DailyQuery) -> Sequence[Any]:
        """Bars."""
        return json_rows(content)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: DailyQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        keys = {
            "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume",
            "adj_open": "adjOpen", "adj_high": "adjHigh", "adj_low": "adjLow", "adj_close": "adjClose",
            "adj_volume": "adjVolume", "div_cash": "divCash", "split_factor": "splitFactor",
        }  # fmt: skip
        return {
            "symbol": [query.symbol] * len(records),
            "date": [_trading_day(record["date"]) for record in records],
            **{name: [record[key] for record in records] for name, key in keys.items()},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: DailyQuery) -> pa.ChunkedArray:
        """The trading day."""
        return rows["date"]


class TiingoIntraday(TiingoSource[IntradayQuery]):
    """Intraday bars of the IEX book; a long window is asked for in parts that one reply can hold."""

    table = raw_table(
        "tiingo",
        "intraday",
        "Tiingo intraday bars of the IEX book as sent, unadjusted (finished ones only). "
        "One row per (symbol, interval, date).",
        columns={
            "symbol": text("Ticker, such as AAPL"),
            "interval": text("Length of the bar, such as 5min"),
            "date": text("Start of the bar (UTC) as sent"),
            "open": number("First price", unit=PRICE, nullable=True),
            "high": number("Highest price", unit=PRICE, nullable=True),
            "low": number("Lowest price", unit=PRICE, nullable=True),
            "close": number("Last price", unit=PRICE, nullable=True),
            "volume": number("Volume at IEX; missing when it was not asked for", unit="shares", nullable=True),
        },
        key=("symbol", "interval", "date"),
    )

    @classmethod
    def is_wanted(cls, settings: TiingoSettings) -> bool:
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
        """A reply for each part of the window, none for days before the history that the settings want."""
        part = self.settings.intraday
        start = query.start if part is None else max(query.start, part.history_from)
        bars_a_day = -(-SESSION_MINUTES // BAR_MINUTES[query.interval])
        params = {"resampleFreq": query.interval, "columns": "open,high,low,close,volume"}
        for first, last in divided(start, query.end, SURE_BARS // bars_a_day):
            yield self.ask(f"iex/{quote(query.symbol, safe='')}", first, last, params)

    @classmethod
    def records(cls, content: bytes, query: IntradayQuery) -> Sequence[Any]:
        """Bars; the one that is still running is left out."""
        length = timedelta(minutes=BAR_MINUTES[query.interval])
        return [row for row in json_rows(content) if not is_running(_end_of(row, length), query.as_of)]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: IntradayQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        return {
            "symbol": [query.symbol] * len(records),
            "interval": [query.interval] * len(records),
            **{name: [record[name] for record in records] for name in ("date", "open", "high", "low", "close")},
            "volume": [record.get("volume") for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: IntradayQuery) -> pa.Array:
        """The day in New York."""
        return new_york_days(rows["date"])


def bars_of(reply: Reply) -> list[Any]:
    """The bars of a reply; Tiingo sends some errors as plain text with status 200.

    Raises
    ------
    SourceError
        When the body is no list of bars.
    """
    body = reply.content[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if body and not reply.is_html and body[:1] not in b'[{"':
        raise _error_in_text(excerpt(body.decode("utf-8", "replace"), 300))
    return validate_json(reply)


def _error_in_text(said: str) -> SourceError:
    """The error that a plain text stands for."""
    message, words = f"answered with an error in place of data: {said}", said.lower()
    if any(phrase in words for phrase in _LONGER_QUOTAS):
        return QuotaExhausted(message)
    if _HOURLY_QUOTA in words:
        return TransientError(message, advice="lower rate_limit or take a larger plan", retry_after=HOUR_SECONDS)
    return TransientError(message) if _PASSING.search(said) else PermanentError(message)


def _trading_day(value: Any) -> Any:
    """The day of a date such as ``2018-12-03T00:00:00.000Z``; anything else is for the table's type to refuse."""
    found = _TRADING_DAY.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and found is None:
        raise ValueError(f"date {excerpt(value, 40)!r} is no trading day")
    return value if found is None else found[1]


def _end_of(row: Any, length: timedelta) -> datetime | None:
    """When a bar ends; None for what is no bar, which is for `columns` to refuse."""
    begins = instant_of(row.get("date")) if isinstance(row, dict) else None
    return None if begins is None else begins + length
