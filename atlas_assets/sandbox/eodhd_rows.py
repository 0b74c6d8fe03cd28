"""The rows behind EODHD's replies: real indices, and synthetic stocks with their corporate actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from atlas_assets.sandbox.market_data import INDEX_FILES, DailyBar, daily_bars
from atlas_assets.sandbox.stocks import STOCKS, Bar, adjusted_bars, longer_bars, minutes, stock_days

SYMBOLS = (*INDEX_FILES, *(f"{ticker}.US" for ticker in STOCKS))
"""The symbols that are served."""

INTERVALS = {"1m": timedelta(minutes=1), "5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
LONGEST_SPAN_DAYS = {"1m": 120, "5m": 600, "1h": 7200}

_NAMES = {"GSPC": "S&P 500 (S&P 500 Index)", "IXIC": "NASDAQ Composite"}
_FUND = {
    "Code": "0P0000SNDX",
    "Name": "Sandbox Balanced Fund  ",
    "Country": "USA",
    "Exchange": "NMFQS",
    "Currency": "USD",
    "Type": "FUND",
    "Isin": None,
}
_DELISTED = {
    "Code": "QQQ_old",
    "Name": "Sandbox Quarries",
    "Country": "USA",
    "Exchange": "NYSE",
    "Currency": "USD",
    "Type": "Common Stock",
    "Isin": "US0000000001",
}
_FUND_PRICE = 10.5


def bars(symbol: str, last: date) -> tuple[DailyBar, ...]:
    """The daily bars of a symbol up to a day."""
    if symbol in INDEX_FILES:
        return tuple(bar for bar in daily_bars(symbol) if bar.session_date <= last)
    return adjusted_bars(symbol.removesuffix(".US"), last)


@cache
def daily_rows(symbol: str, last: date) -> tuple[list[date], list[dict[str, Any]]]:
    """The sessions of a symbol and their rows; prices to four decimals, as the vendor prints them."""
    rows = [
        {
            "date": bar.session_date.isoformat(),
            "open": round(bar.open, 4),
            "high": round(bar.high, 4),
            "low": round(bar.low, 4),
            "close": round(bar.close, 4),
            "adjusted_close": round(bar.adjusted_close, 4),
            "volume": bar.volume,
        }
        for bar in bars(symbol, last)
    ]
    return [date.fromisoformat(row["date"]) for row in rows], rows


def bulk_rows(exchange: str, day: date, last: date) -> list[dict[str, Any]]:
    """The rows of an exchange for a session; none on other days."""
    rows: list[dict[str, Any]] = []
    for symbol in SYMBOLS:
        code, _, suffix = symbol.rpartition(".")
        sessions, found = daily_rows(symbol, last)
        if suffix == exchange and day in sessions:
            rows.append({"code": code, "exchange_short_name": exchange, **found[sessions.index(day)]})
    if rows and exchange == "US":
        flat = dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), _FUND_PRICE)
        fund = {"code": _FUND["Code"], "exchange_short_name": exchange, "date": day.isoformat()}
        rows.append({**fund, **flat, "volume": 0})
    return rows


def splits(symbol: str, last: date) -> list[dict[str, Any]]:
    """The splits of a symbol up to a day."""
    days = [] if symbol in INDEX_FILES else stock_days(symbol.removesuffix(".US"), last)
    return [
        {"date": day.session_date.isoformat(), "split": f"{day.split:.6f}/1.000000"} for day in days if day.split != 1
    ]


def dividends(symbol: str, last: date) -> list[dict[str, Any]]:
    """The dividends of a symbol up to a day."""
    days = [] if symbol in INDEX_FILES else stock_days(symbol.removesuffix(".US"), last)
    return [
        {
            "date": day.session_date.isoformat(),
            "declarationDate": (day.session_date - timedelta(days=14)).isoformat(),
            "recordDate": (day.session_date + timedelta(days=3)).isoformat(),
            "paymentDate": (day.session_date + timedelta(days=42)).isoformat(),
            "period": "Quarterly",
            "value": round(day.dividend / day.later_splits, 5),
            "unadjustedValue": day.dividend,
            "currency": "USD",
        }
        for day in days
        if day.dividend
    ]


def intraday_rows(symbol: str, interval: str, begin: datetime, end: datetime, *, now: datetime, seed: int) -> list[Any]:
    """The bars of a stock that open within a span; the last one can be running."""
    if symbol in INDEX_FILES:
        return []
    ticker = symbol.removesuffix(".US")
    rows: list[dict[str, Any]] = []
    for day in stock_days(ticker, now.date()):
        if begin.date() - timedelta(days=1) <= day.session_date <= end.date():
            session = minutes(ticker, day, seed)
            over = [bar for bar in session if bar.start + timedelta(minutes=1) <= now]
            rows += [_bar_row(bar) for bar in longer_bars(over, INTERVALS[interval])]
            if interval == "5m" and len(over) == len(session):
                rows.append(_closing_print(session[-1]))
    return [row for row in rows if begin.timestamp() <= row["timestamp"] <= end.timestamp()]


def _bar_row(bar: Bar) -> dict[str, Any]:
    return _intraday_row(bar.start, (bar.open, bar.high, bar.low, bar.close), bar.volume)


def _closing_print(last: Bar) -> dict[str, Any]:
    """The row after a session: flat, without a volume."""
    return _intraday_row(last.start + timedelta(minutes=1), (last.close,) * 4, None)


def _intraday_row(start: datetime, prices: Sequence[float], volume: int | None) -> dict[str, Any]:
    return {
        "timestamp": int(start.timestamp()),
        "gmtoffset": 0,
        "datetime": f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        "volume": volume,
    }


def symbol_rows(exchange: str, *, delisted: bool) -> list[dict[str, Any]] | None:
    """The symbols of an exchange; None for an exchange that is not served."""
    if exchange == "INDX":
        return [] if delisted else [_index_row(symbol) for symbol in INDEX_FILES]
    if exchange != "US":
        return None
    if delisted:
        return [_DELISTED]
    return [*(_stock_row(ticker) for ticker in STOCKS), _FUND]


def _stock_row(ticker: str) -> dict[str, Any]:
    stock = STOCKS[ticker]
    return {
        "Code": ticker,
        "Name": stock.name,
        "Country": "USA",
        "Exchange": stock.exchange,
        "Currency": "USD",
        "Type": "ETF",
        "Isin": None,
    }


def _index_row(symbol: str) -> dict[str, Any]:
    code = symbol.removesuffix(".INDX")
    return {
        "Code": code,
        "Name": _NAMES[code],
        "Country": "USA",
        "Exchange": "INDX",
        "Currency": "USD",
        "Type": "INDEX",
        "Isin": None,
    }
