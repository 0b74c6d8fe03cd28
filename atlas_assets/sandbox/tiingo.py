"""Tiingo: daily and intraday bars of synthetic stocks.

Not confirmed by a recorded reply: the bodies of 401, 404 and 429.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import httpx

from atlas_assets.sandbox.replies import Meter, http_date, json_reply
from atlas_assets.sandbox.stocks import STOCKS, Bar, StockDay, longer_bars, minutes, stock_days
from atlas_assets.sandbox.world import World

PUBLICATION_TIME = time(22, 30)
"""UTC time of day from which a session's bar is served."""

SHARE_OF_IEX = 33
MOST_BARS = 2_000
"""Of a longer window, an intraday reply holds the last bars."""

_FREQUENCIES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "1hour": 60}
_COLUMNS = ("open", "high", "low", "close")


class TiingoHandler:
    """Answers ``https://api.tiingo.com``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._seed = world.seed
        self._token = world.key("tiingo")
        self._meter = Meter(world.limit("tiingo_requests_per_hour", 5_000), window=3600.0)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        query = request.url.params
        if self._token not in (request.headers.get("Authorization", "").removeprefix("Token "), query.get("token")):
            return self._detail(401, "Invalid token.")
        if self._meter.take() is not None:
            said = "Error: You have run over your hourly request allocation."
            return self._detail(429, f"{said} Please upgrade at https://api.tiingo.com/pricing.")
        try:
            start = date.fromisoformat(query["startDate"]) if "startDate" in query else None
            end = date.fromisoformat(query["endDate"]) if "endDate" in query else date.max
        except ValueError:
            return self._detail(400, "Error: dates must be written YYYY-MM-DD.")
        match request.url.path.strip("/").split("/"):
            case ["tiingo", "daily", ticker, "prices"]:
                return self._of(ticker, lambda symbol: self._daily(symbol, start, end))
            case ["iex", ticker, "prices"]:
                return self._of(ticker, lambda symbol: self._intraday(symbol, start, end, query))
            case ["tiingo", "news"]:
                return self._detail(403, "You do not have permission to access the News API")
            case _:
                return self._detail(404, "Not found.")

    def _of(self, ticker: str, rows: Any) -> httpx.Response:
        symbol = ticker.upper()
        if symbol not in STOCKS:
            return self._detail(404, "Not found.")
        return self._json(rows(symbol))

    def _daily(self, symbol: str, start: date | None, end: date) -> list[dict[str, Any]]:
        today = self._clock.date()
        last = today if self._clock.time() >= PUBLICATION_TIME else today - timedelta(days=1)
        days = stock_days(symbol, last)
        return [_daily_row(day) for day in days if (start or days[-1].session_date) <= day.session_date <= end]

    def _intraday(self, symbol: str, start: date | None, end: date, query: httpx.QueryParams) -> list[dict[str, Any]]:
        length = timedelta(minutes=_FREQUENCIES.get(query.get("resampleFreq", "5min"), 5))
        days = stock_days(symbol, self._clock.date())
        columns = [name for name in query.get("columns", ",".join(_COLUMNS)).split(",") if name]
        rows: list[dict[str, Any]] = []
        for day in days:
            if (start or days[-1].session_date) <= day.session_date <= end:
                begun = [bar for bar in minutes(symbol, day, self._seed) if bar.start <= self._clock]
                rows += [_intraday_row(bar, columns) for bar in longer_bars(begun, length)]
        return rows[-MOST_BARS:]

    def _detail(self, status: int, text: str) -> httpx.Response:
        return self._json({"detail": text}, status=status)

    def _json(self, value: Any, *, status: int = 200) -> httpx.Response:
        return json_reply(value, status=status, headers={"Date": http_date(self._clock), "Server": "nginx/1.14.0"})


def _daily_row(day: StockDay) -> dict[str, Any]:
    raw = {"close": day.close, "high": day.high, "low": day.low, "open": day.open}
    return {
        "date": f"{day.session_date}T00:00:00.000Z",
        **raw,
        "volume": day.volume,
        **{f"adj{name.title()}": value * day.adjustment for name, value in raw.items()},
        "adjVolume": day.volume * day.later_splits,
        "divCash": day.dividend,
        "splitFactor": float(day.split),
    }


def _intraday_row(bar: Bar, columns: list[str]) -> dict[str, Any]:
    values = {
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": float(bar.volume // SHARE_OF_IEX),
    }
    start: datetime = bar.start
    return {
        "date": f"{start:%Y-%m-%dT%H:%M:%S}.000Z",
        **{name: value for name, value in values.items() if name in columns},
    }
