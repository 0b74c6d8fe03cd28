"""Raw rows as the vendors send them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

NASTY_SYMBOLS = ("BRK", "BRK/B", "BRK.B", "", "NA", "a'); DROP TABLE")


def bar(symbol: str, day: str, close: float | None, **more: Any) -> dict[str, Any]:
    """An EODHD bar."""
    prices = {"open": close, "high": close, "low": close, "close": close, "adjusted_close": close, "volume": 10.0}
    return {"symbol": symbol, "date": date.fromisoformat(day), **prices, **more}


def landed(symbol: str, day: str, close: float, row_number: int = 1, file_name: str = "bars.csv") -> dict[str, Any]:
    """A row of a landed file."""
    return {
        "file_name": file_name,
        "row_number": row_number,
        "symbol": symbol,
        "date": date.fromisoformat(day),
        "close": close,
    }


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000)


def candle(symbol: str, time: str, close: str, **more: Any) -> dict[str, Any]:
    """A one-minute candle that starts at a time (UTC)."""
    start = _milliseconds(time)
    return {
        "symbol": symbol,
        "interval": "1m",
        "open_time": start,
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": "0.10000000",
        "close_time": start + 59_999,
        "quote_volume": "1.0",
        "trades": 1,
        "taker_buy_base_volume": "0.0",
        "taker_buy_quote_volume": "0.0",
        **more,
    }


def trade(
    symbol: str, number: int, time: str, price: str, *, microseconds: bool = False, **more: Any
) -> dict[str, Any]:
    """An aggregate trade of a quarter of a coin."""
    return {
        "symbol": symbol,
        "agg_trade_id": number,
        "price": price,
        "quantity": "0.25000000",
        "first_trade_id": number,
        "last_trade_id": number,
        "transact_time": _milliseconds(time) * (1000 if microseconds else 1),
        "is_buyer_maker": True,
        **more,
    }


def observation(series: str, period: str, value: str, known_from: str) -> dict[str, Any]:
    """A FRED observation."""
    return {
        "series_id": series,
        "frequency": "q",
        "date": date.fromisoformat(period),
        "value": value,
        "realtime_start": date.fromisoformat(known_from),
        "realtime_end": date(9999, 12, 31),
    }


def told_of_gdp(day: str, **more: Any) -> dict[str, Any]:
    """What FRED says about the series GDPC1 on a day."""
    return {
        "series_id": "GDPC1",
        "realtime_start": date.fromisoformat(day),
        "realtime_end": date.fromisoformat(day),
        "title": "Real Gross Domestic Product",
        "observation_start": date(1947, 1, 1),
        "observation_end": date(2018, 7, 1),
        "frequency": "Quarterly",
        "frequency_short": "Q",
        "units": "Billions of Chained 2012 Dollars",
        "units_short": "Bil. of Chn. 2012 $",
        "seasonal_adjustment": "Seasonally Adjusted Annual Rate",
        "seasonal_adjustment_short": "SAAR",
        "last_updated": "2018-11-28 07:51:04-06",
        "popularity": 90,
        **more,
    }


def article(entry: str, title: str, summary: str | None = None, **more: Any) -> dict[str, Any]:
    """An entry of a feed."""
    return {"feed": "wire", "entry_id": entry, "title": title, "summary": summary, "language": "EN-us", **more}


def mood(time: str, value: str) -> dict[str, Any]:
    """A value of the Fear & Greed index."""
    return {"timestamp": str(_milliseconds(time) // 1000), "value": value, "value_classification": "Fear"}
