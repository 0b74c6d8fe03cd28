"""Alpaca: daily bars, minute bars and trades of the IEX exchange, the living successor of IEX Cloud."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import integer, number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.client.limits import RateHeaders
from atlas_assets.data_sources.client.reply import Reply, json_object, refuse_web_page
from atlas_assets.data_sources.new_york import CLOSE, NEW_YORK, instant_of, last_second, new_york_days, new_york_instant
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import is_running

if TYPE_CHECKING:
    import pyarrow as pa

PAGE = 10_000
MOST_PAGES = 10_000
MISSING = object()
MOST_EMPTY_PAGES = 10
# What the free plan withholds of the consolidated feed, and a little.
SIP_DELAY = timedelta(minutes=16)

# A comma would ask for several symbols at once.
Symbol = Annotated[str, Field(pattern=r"^[^\s,]{1,32}$")]
Feed = Literal["iex", "sip"]


class Part(Section):
    """A large dataset: of which symbols, and since when."""

    symbols: list[Symbol] = Field(min_length=1)
    history_from: date


class AlpacaSettings(SourceSettings):
    """Alpaca; a dataset whose part is left out is not loaded."""

    api_key_id: SecretStr | None = None
    api_secret_key: SecretStr | None = None
    feed: Feed = Field(default="iex", description="iex, or sip for the whole market")
    symbols: list[Symbol] = Field(min_length=1, description="symbols whose daily bars are loaded")
    minute_bars: Part | None = Field(default=None, description="`symbols` and `history_from` of the minute bars")
    trades: Part | None = Field(default=None, description="`symbols` and `history_from` of the trades")


ALPACA = Vendor(
    name="alpaca",
    title="Alpaca market data",
    domain="stock",
    settings=AlpacaSettings,
    base_url="https://data.alpaca.markets/v2",
    required_secrets=("api_key_id", "api_secret_key"),
    access="Key id and secret key of a free account, for the IEX feed; the whole market (feed sip) live needs a plan.",
    limits="200 requests a minute on the free plan, told in headers; 10,000 rows a page.",
    terms="For the account holder's own use; the exchanges forbid redistribution.",
    conventions=(
        "Times are UTC with up to nanoseconds, a daily bar is named by midnight in New York. Prices are unadjusted "
        "(adjustment=raw). The IEX feed sees about 3 % of the volume."
    ),
    rate_headers=RateHeaders(
        limit="x-ratelimit-limit", remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", reset_in="epoch"
    ),
)

PRICE = "USD a share"
BAR_COLUMNS = {
    "symbol": text("Symbol, such as AAPL"),
    "feed": text("Feed asked for: iex or sip"),
    "timestamp": text("Start of the bar (UTC) as sent"),
    "open": number("First price, unadjusted", unit=PRICE),
    "high": number("Highest price, unadjusted", unit=PRICE),
    "low": number("Lowest price, unadjusted", unit=PRICE),
    "close": number("Last price, unadjusted", unit=PRICE),
    "volume": number("Volume that the feed saw", unit="shares"),
    "trade_count": integer("Trades that the feed saw", nullable=True),
    "vwap": number("Volume-weighted average price", unit=PRICE, nullable=True),
}
BAR_KEYS = {"timestamp": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


class AlpacaQuery(Query):
    """What the feed saw of one symbol; of bars, those that are finished at ``as_of``."""

    symbol: Symbol
    feed: Feed = "iex"

    @property
    def instrument(self) -> str:
        """The symbol."""
        return self.symbol


class AlpacaSource(BaseDataSource[AlpacaSettings, AlpacaQuery]):
    """What the datasets have in common: the request, its pages, and the day in New York."""

    vendor = ALPACA
    instrument_column = "symbol"
    calendar = "XNYS"
    settles_after = timedelta(days=1)
    rows_key: ClassVar[str]

    @abstractmethod
    def wanted(self) -> tuple[Sequence[str], date]:
        """Symbols, and the first day of their history."""

    def queries(self, start: date, end: date) -> Iterator[AlpacaQuery]:
        """One query for each symbol of the settings."""
        for symbol in self.wanted()[0]:
            yield AlpacaQuery(start=start, end=end, as_of=self.client.now(), symbol=symbol, feed=self.settings.feed)

    def extract(self, query: AlpacaQuery) -> Iterator[Reply]:
        """The replies, each page by the token of the one before; a page can hold a part of the symbol."""
        begin = new_york_instant(max(query.start, self.wanted()[1]))
        end = last_second(query.end)
        if query.feed == "sip":
            end = min(end, query.as_of - SIP_DELAY)
        if begin > end:
            return
        headers = {
            "APCA-API-KEY-ID": self.secret("api_key_id"),
            "APCA-API-SECRET-KEY": self.secret("api_secret_key"),
        }
        params: dict[str, str | int] = {
            "symbols": query.symbol,
            "start": f"{begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.999999999Z",
            "feed": query.feed,
            "limit": PAGE,
            "sort": "asc",
            **self.options(),
        }
        seen: set[str] = set()
        empty = 0
        while True:
            reply = self.client.get(
                f"{self.base_url}/stocks/{self.rows_key}", params=params, headers=headers, check=self._page
            )
            rows, token = self._page(reply)
            yield reply
            if token is None:
                return
            empty = 0 if rows else empty + 1
            if token in seen or empty > MOST_EMPTY_PAGES or len(seen) >= MOST_PAGES:
                what = f"the pages of {query.symbol} do not end"
                raise MalformedReply(f"alpaca {self.table.asset_key[2]}: {what}; {MalformedReply.advice}.")
            seen.add(token)
            params["page_token"] = token

    def options(self) -> Mapping[str, str | int]:
        """Further parameters."""
        return {}

    @classmethod
    def records(cls, content: bytes, query: AlpacaQuery) -> Sequence[Any]:
        """The symbol's rows; a bar that is still running is left out."""
        rows = _rows_by_symbol(json_object(content, cls.rows_key), cls.rows_key)
        if rows and query.symbol not in rows:
            raise MalformedReply(f"rows of {min(rows)!r} in place of {query.symbol!r}")
        return [row for row in rows.get(query.symbol, []) if not is_running(cls.finished_at(row), query.as_of)]

    @classmethod
    def finished_at(cls, row: Any) -> datetime | None:
        """When a row is final; None for what cannot change or is for `columns` to refuse."""
        return None

    @classmethod
    def row_dates(cls, rows: pa.Table, query: AlpacaQuery) -> pa.Array:
        """The day in New York."""
        return new_york_days(rows["timestamp"])

    def _page(self, reply: Reply) -> tuple[int, str | None]:
        """Rows of a page, and the token of the next one."""
        refuse_web_page(reply)
        body = json_object(reply.content, self.rows_key)
        rows, token = _rows_by_symbol(body, self.rows_key), body.get("next_page_token", MISSING)
        if not isinstance(token, str | None):
            raise MalformedReply("sent a page without a proper token of the next one")
        return sum(map(len, rows.values())), token or None


class AlpacaBars(AlpacaSource):
    """What bars have in common."""

    rows_key = "bars"
    timeframe: ClassVar[str]

    def options(self) -> Mapping[str, str | int]:
        """Length and adjustment of the bars."""
        return {"timeframe": self.timeframe, "adjustment": "raw"}

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: AlpacaQuery) -> Mapping[str, Any]:
        """Bars as columns."""
        return {
            "symbol": [query.symbol] * len(records),
            "feed": [query.feed] * len(records),
            **{name: [record[key] for record in records] for name, key in BAR_KEYS.items()},
            "trade_count": [record.get("n") for record in records],
            "vwap": [record.get("vw") for record in records],
        }


class AlpacaDailyBars(AlpacaBars):
    """Daily bars."""

    timeframe = "1Day"
    table = raw_table(
        "alpaca",
        "daily_bars",
        "Alpaca daily bars as sent, unadjusted (finished ones only). One row per (symbol, feed, timestamp).\n\n"
        "The time is midnight in New York, so the session is the time's day there.",
        columns=BAR_COLUMNS,
        key=("symbol", "feed", "timestamp"),
    )

    def wanted(self) -> tuple[Sequence[str], date]:
        """Symbols, and the first day of their history."""
        return self.settings.symbols, self.settings.history_from

    @classmethod
    def finished_at(cls, row: Any) -> datetime | None:
        """The end of the session."""
        begins = _begins(row)
        return None if begins is None else new_york_instant(begins.astimezone(NEW_YORK).date(), CLOSE)


class AlpacaMinuteBars(AlpacaBars):
    """Minute bars."""

    timeframe = "1Min"
    table = raw_table(
        "alpaca",
        "minute_bars",
        "Alpaca minute bars as sent, unadjusted (finished ones only). One row per (symbol, feed, timestamp).\n\n"
        "Minutes in which the feed saw no trade are absent. Trading before and after the session is in.",
        columns=BAR_COLUMNS,
        key=("symbol", "feed", "timestamp"),
    )
    days_per_query = 31

    @classmethod
    def is_wanted(cls, settings: AlpacaSettings) -> bool:
        """Whether the settings name symbols."""
        return settings.minute_bars is not None

    def wanted(self) -> tuple[Sequence[str], date]:
        """Symbols, and the first day of their history."""
        part = self.settings.minute_bars
        return ([], date.max) if part is None else (part.symbols, part.history_from)

    @classmethod
    def finished_at(cls, row: Any) -> datetime | None:
        """The end of the minute."""
        begins = _begins(row)
        return None if begins is None else begins + timedelta(minutes=1)


class AlpacaTrades(AlpacaSource):
    """Trades."""

    rows_key = "trades"
    table = raw_table(
        "alpaca",
        "trades",
        "Alpaca trades as sent. One row per (symbol, feed, timestamp, exchange, trade_id).",
        columns={
            "symbol": text("Symbol, such as AAPL"),
            "feed": text("Feed asked for: iex or sip"),
            "timestamp": text("Time of the trade (UTC, up to nanoseconds) as sent"),
            "exchange": text("Code of the exchange; V is IEX"),
            "price": number("Price", unit=PRICE),
            "size": number("Size", unit="shares"),
            "conditions": text("Sale conditions, a JSON list as sent", nullable=True),
            "trade_id": integer("Trade id, unique for exchange and day"),
            "tape": text("Tape: A, B or C", nullable=True),
            "update": text("Such as canceled or corrected; missing for a trade that stands", nullable=True),
        },
        key=("symbol", "feed", "timestamp", "exchange", "trade_id"),
    )
    days_per_query = 1

    @classmethod
    def is_wanted(cls, settings: AlpacaSettings) -> bool:
        """Whether the settings name symbols."""
        return settings.trades is not None

    def wanted(self) -> tuple[Sequence[str], date]:
        """Symbols, and the first day of their history."""
        part = self.settings.trades
        return ([], date.max) if part is None else (part.symbols, part.history_from)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: AlpacaQuery) -> Mapping[str, Any]:
        """Trades as columns."""
        keys = {"timestamp": "t", "exchange": "x", "price": "p", "size": "s", "trade_id": "i"}
        return {
            "symbol": [query.symbol] * len(records),
            "feed": [query.feed] * len(records),
            **{name: [record[key] for record in records] for name, key in keys.items()},
            "conditions": [_as_json(record.get("c")) for record in records],
            "tape": [record.get("z") for record in records],
            "update": [record.get("u") for record in records],
        }


def _rows_by_symbol(body: Mapping[str, Any], key: str) -> Mapping[str, list[Any]]:
    """The rows of a reply by symbol; one without rows is absent.

    Raises
    ------
    MalformedReply
        When they are no such rows.
    """
    by_symbol = {} if body[key] is None else body[key]
    if not isinstance(by_symbol, dict) or not all(isinstance(rows, list) for rows in by_symbol.values()):
        raise MalformedReply(f"sent {key!r} that are not lists by symbol")
    return by_symbol


def _begins(row: Any) -> datetime | None:
    return instant_of(row.get("t")) if isinstance(row, dict) else None


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))
