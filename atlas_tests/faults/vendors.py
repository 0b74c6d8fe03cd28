"""Four datasets of three vendors whose truth is a formula: any symbol, any day, in the vendors' wire formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import httpx

from atlas_assets.data_sources.crypto.binance import BinanceSettings
from atlas_assets.data_sources.macro.fred import FredSettings
from atlas_assets.data_sources.stock.eodhd import EodhdSettings
from atlas_assets.lake import Lake
from atlas_assets.sandbox.replies import http_date

EODHD_KEY = "cAnArY-eodhd-5f2e71"
FRED_KEY = "cafec0ffee" + "5" * 22
CANARIES = (EODHD_KEY, FRED_KEY)

FIRST = date(2018, 12, 3)
# For George H. W. Bush the exchanges of New York stayed shut.
MOURNING = date(2018, 12, 5)
TRADES_A_DAY = 1_300
HOUR = 3_600_000
DAY = 24 * HOUR
# Its replies hold a row that is none, for ever.
JUNK_SYMBOL = "S001.US"
JUNK_ROW = {"date": "0000-00-00", "open": 1, "high": 1, "low": 1, "close": 1, "adjusted_close": 1, "volume": 1}
UNKNOWN_SYMBOL = "GONE.US"


def milliseconds(day: date) -> int:
    return int(datetime.combine(day, time.min, UTC).timestamp() * 1000)


def price(name: str, number: int) -> float:
    """A price between 95 and 105, to the cent."""
    return 95 + (sum(name.encode()) * 7919 + number * 104_729) % 1_000 / 100


def bars(symbol: str, first: date, last: date) -> list[dict[str, Any]]:
    """The daily bars of a symbol; none on weekends and on the day of mourning."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [bar(symbol, day) for day in days if day.weekday() < 5 and day != MOURNING]


@cache
def bar(symbol: str, day: date) -> dict[str, Any]:
    close = price(symbol, day.toordinal())
    return {
        "date": day.isoformat(),
        "open": round(close - 0.5, 2),
        "high": round(close + 1, 2),
        "low": round(close - 1, 2),
        "close": close,
        "adjusted_close": round(close / 2, 4),
        "volume": 1000 + day.toordinal() % 100,
    }


@cache
def candle(symbol: str, opening: int) -> list[Any]:
    close = price(symbol, opening // HOUR)
    low, high = f"{close - 2:.2f}", f"{close + 2:.2f}"
    return [opening, f"{close:.2f}", high, low, f"{close:.2f}", "12.50", opening + HOUR - 1, "99.00", 7, "6", "50", "0"]


@cache
def trade(symbol: str, number: int) -> dict[str, Any]:
    day, place = divmod(number, TRADES_A_DAY)
    at = milliseconds(date(2018, 1, 1)) + day * DAY + place * (DAY // TRADES_A_DAY)
    value, first = f"{price(symbol, number):.2f}", 2 * number
    return {"a": number, "p": value, "q": "0.50", "f": first, "l": first + 1, "T": at, "m": number % 2 == 0, "M": True}


def first_trade(day: date) -> int:
    return (day - date(2018, 1, 1)).days * TRADES_A_DAY


@cache
def observation(series: str, day: date) -> dict[str, Any]:
    value = f"{price(series, day.toordinal()):.2f}"
    known = day.isoformat()
    return {"realtime_start": known, "realtime_end": "9999-12-31", "date": known, "value": value}


class Vendors:
    """Answers for EODHD, FRED and Binance at a present that moves; remembers whom it was asked for."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.hosts: set[str] = set()
        self.gone = {UNKNOWN_SYMBOL}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.hosts.add(request.url.host)
        parts = request.url.path.strip("/").split("/")
        answer = {"eod": self._eod, "klines": self._klines, "aggTrades": self._trades, "observations": self._series}
        route = parts[-2] if parts[-2] == "eod" else parts[-1]
        status, payload = answer[route](request, request.url.params, parts[-1])
        headers = {"Date": http_date(self.now), "Content-Type": "application/json"}
        content = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
        return httpx.Response(status, headers=headers, content=content)

    def _over(self) -> date:
        """The last day that is over."""
        return self.now.date() - timedelta(days=1)

    def _eod(self, request: httpx.Request, params: httpx.QueryParams, symbol: str) -> tuple[int, Any]:
        if params["api_token"] != EODHD_KEY:
            return 403, f"Forbidden: {params['api_token']}"
        if symbol in self.gone:
            return 404, f"Ticker Not Found: {request.url}"
        rows = bars(symbol, date.fromisoformat(params["from"]), min(self._over(), date.fromisoformat(params["to"])))
        return 200, [*rows, JUNK_ROW] if symbol == JUNK_SYMBOL and rows else rows

    def _series(self, request: httpx.Request, params: httpx.QueryParams, _: str) -> tuple[int, Any]:
        if params["api_key"] != FRED_KEY:
            return 400, {"error_code": 400, "error_message": f"{params['api_key']} is not registered"}
        first, last = date.fromisoformat(params["realtime_start"]), date.fromisoformat(params["realtime_end"])
        first, last = max(first, FIRST), min(last, self._over())
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        rows = [observation(params["series_id"], day) for day in days]
        offset, limit = int(params["offset"]), int(params["limit"])
        return 200, {"count": len(rows), "offset": offset, "observations": rows[offset : offset + limit]}

    def _klines(self, request: httpx.Request, params: httpx.QueryParams, _: str) -> tuple[int, Any]:
        start, end = int(params["startTime"]), min(int(params["endTime"]), int(self.now.timestamp() * 1000))
        openings = range(-(-start // HOUR) * HOUR, end + 1, HOUR)
        return 200, [candle(params["symbol"], opening) for opening in openings[: int(params["limit"])]]

    def _trades(self, request: httpx.Request, params: httpx.QueryParams, _: str) -> tuple[int, Any]:
        symbol, limit, now = params["symbol"], int(params["limit"]), int(self.now.timestamp() * 1000)
        end = int(params.get("endTime", now))
        if "fromId" in params:
            first = int(params["fromId"])
        else:
            first = first_trade(datetime.fromtimestamp(int(params["startTime"]) / 1000, UTC).date())
        rows = (trade(symbol, number) for number in range(first, first + limit))
        return 200, [row for row in rows if row["T"] <= min(end, now)]


def sections(*, symbols: int, pairs: int, traded: int, series: int) -> dict[str, Any]:
    """Settings of the datasets, by table, with so many instruments."""
    since = {"history_from": FIRST, "partitions_from": FIRST, "rate_limit": 1_000_000}
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    named = [f"P{letters[number // 26]}{letters[number % 26]}USDT" for number in range(max(pairs, traded))]
    return {
        "raw.eodhd_eod": EodhdSettings(
            api_key=EODHD_KEY, symbols=[f"S{number:03}.US" for number in range(symbols)], **since
        ),
        "raw.fred_observations": FredSettings(
            api_key=FRED_KEY, series=[{"id": f"SERIES{number:02}"} for number in range(series)], **since
        ),
        "raw.binance_klines": BinanceSettings(symbols=named[:pairs], interval="1h", **since),
        "raw.binance_agg_trades": BinanceSettings(symbols=named[:traded], **since),
    }


def truth(table: str, instrument: str, first: date, last: date) -> set[tuple[Any, ...]]:
    """What raw must hold of an instrument: the values that matter, of the days from ``first`` to ``last``."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if table == "raw.eodhd_eod":
        return {(instrument, *bar.values()) for bar in bars(instrument, first, last)}
    if table == "raw.fred_observations":
        return {(instrument, known["date"], known["value"]) for known in (observation(instrument, day) for day in days)}
    if table == "raw.binance_klines":
        openings = range(milliseconds(first), milliseconds(last) + DAY, HOUR)
        return {(instrument, *candle(instrument, opening)[:11]) for opening in openings}
    numbers = range(first_trade(first), first_trade(last) + TRADES_A_DAY)
    return {(instrument, *trade(instrument, number).values()) for number in numbers}


COLUMNS = {
    "raw.eodhd_eod": "symbol, date::VARCHAR, open, high, low, close, adjusted_close, volume",
    "raw.fred_observations": "series_id, date::VARCHAR, value",
    "raw.binance_klines": (
        "symbol, open_time, open, high, low, close, volume, close_time, quote_volume, trades, "
        "taker_buy_base_volume, taker_buy_quote_volume"
    ),
    "raw.binance_agg_trades": (
        "symbol, agg_trade_id, price, quantity, first_trade_id, last_trade_id, transact_time, is_buyer_maker, "
        "is_best_match"
    ),
}
INSTRUMENT = {table: columns.partition(",")[0] for table, columns in COLUMNS.items()}


def rows_of(lake: Lake, table: str, instruments: Sequence[str] | None = None) -> dict[str, set[tuple[Any, ...]]]:
    """What raw holds of each instrument, in the form of `truth`."""
    some = "" if instruments is None else f" WHERE {INSTRUMENT[table]} IN (SELECT unnest(?))"
    parameters = [] if instruments is None else [list(instruments)]
    answer = lake.sql(f"SELECT {COLUMNS[table]} FROM lake.{table}{some}", parameters)
    found: dict[str, set[tuple[Any, ...]]] = {}
    for row in zip(*(column.to_pylist() for column in answer.columns), strict=True):
        found.setdefault(row[0], set()).add(row)
    return found
