"""EODHD: daily bars of two real indices, the symbol list and the quota.

Not confirmed by a recorded reply: the bodies of 402, 404 and 429, and that a weekly or monthly
period is refused (the vendor serves them, the sandbox does not).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

import httpx

from atlas_assets.sandbox.market_data import INDEX_FILES, daily_bars
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply

PUBLICATION_TIME = time(22, 0)
"""UTC time of day from which a session's bar is served: an hour after the latest close."""

_HTML = "text/html; charset=UTF-8"
_NAMES = {"GSPC": "S&P 500 (S&P 500 Index)", "IXIC": "NASDAQ Composite"}


class EodhdHandler:
    """Answers ``https://eodhd.com/api``.

    Parameters
    ----------
    clock
        The present (UTC).
    api_key
        The only accepted ``api_token``.
    requests_per_minute, calls_per_day
        The two limits: 429 and 402 when they are passed.
    """

    def __init__(self, *, clock: datetime, api_key: str, requests_per_minute: int, calls_per_day: int) -> None:
        self._clock = clock
        self._api_key = api_key
        self._meter = Meter(requests_per_minute)
        self._calls_per_day = calls_per_day
        self._calls = 0
        self._headers = {"Server": "nginx/1.19.10", "Cache-Control": "no-cache, private", "Date": http_date(clock)}

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        query = request.url.params
        if query.get("api_token") != self._api_key:
            return self._text(401, "Unauthenticated")
        wait = self._meter.take()
        if wait is not None:
            return self._text(429, "Too Many Requests", {"Retry-After": str(wait)})
        path = request.url.path.removeprefix("/api/").strip("/")
        if path in ("user", "internal-user"):
            return self._json(self._user())
        if self._calls >= self._calls_per_day:
            return self._text(402, "You exceeded your daily API requests limit.")
        self._calls += 1
        match path.split("/"):
            case ["eod", symbol]:
                return self._end_of_day(symbol.upper(), query)
            case ["exchange-symbol-list", "INDX"]:
                return self._json([_symbol_row(symbol) for symbol in INDEX_FILES])
            case _:
                return self._text(404, "Not Found")

    def _end_of_day(self, symbol: str, query: httpx.QueryParams) -> httpx.Response:
        if symbol not in INDEX_FILES:
            return self._text(404, "Ticker Not Found.")
        try:
            start = date.fromisoformat(query.get("from") or "0001-01-01")
            end = date.fromisoformat(query.get("to") or "9999-12-31")
        except ValueError:
            return self._json({"errors": {"from": ["The dates must be written YYYY-MM-DD."]}}, status=422)
        if query.get("period", "d") != "d":
            return self._json({"errors": {"period": ["The sandbox serves period=d only."]}}, status=422)
        dates, json_rows, csv_rows = _encoded(symbol)
        as_json = query.get("fmt", "csv") == "json"
        rows = (json_rows if as_json else csv_rows)[
            bisect_left(dates, start) : bisect_right(dates, min(end, self._last))
        ]
        if query.get("order", "a") == "d":
            rows = rows[::-1]
        if as_json:
            return body_reply(f"[{','.join(rows)}]", "application/json", headers=self._counted())
        text = "\n".join(["Date,Open,High,Low,Close,Adjusted_close,Volume", *rows]) + "\n"
        return body_reply(text, "text/csv; charset=UTF-8", headers=self._counted())

    @property
    def _last(self) -> date:
        """The last day whose bar is out."""
        today = self._clock.date()
        return today if self._clock.time() >= PUBLICATION_TIME else today - timedelta(days=1)

    def _user(self) -> dict[str, Any]:
        return {
            "name": "Sandbox",
            "email": "sandbox@news.example",
            "subscriptionType": "monthly",
            "paymentMethod": "Not Available",
            "apiRequests": self._calls,
            "apiRequestsDate": self._clock.date().isoformat(),
            "dailyRateLimit": self._calls_per_day,
            "extraLimit": 0,
            "inviteToken": None,
            "inviteTokenClicked": None,
            "subscriptionMode": "paid",
            "canManageOrganizations": False,
        }

    def _counted(self) -> dict[str, str]:
        limit = {"X-RateLimit-Limit": str(self._meter.limit), "X-RateLimit-Remaining": str(self._meter.remaining)}
        return self._headers | limit

    def _json(self, value: Any, *, status: int = 200) -> httpx.Response:
        return json_reply(value, status=status, headers=self._counted())

    def _text(self, status: int, text: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return body_reply(text, _HTML, status=status, headers=self._headers | (headers or {}))


def _symbol_row(symbol: str) -> dict[str, str | None]:
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


@cache
def _encoded(symbol: str) -> tuple[list[date], list[str], list[str]]:
    """Dates, JSON rows and CSV rows of a symbol; prices to four decimals, as the vendor prints them."""
    dates: list[date] = []
    json_rows: list[str] = []
    csv_rows: list[str] = []
    for bar in daily_bars(symbol):
        prices = [round(value, 4) for value in (bar.open, bar.high, bar.low, bar.close, bar.adjusted_close)]
        names = ("date", "open", "high", "low", "close", "adjusted_close", "volume")
        values = (bar.session_date.isoformat(), *prices, bar.volume)
        dates.append(bar.session_date)
        json_rows.append(json.dumps(dict(zip(names, values, strict=True)), separators=(",", ":")))
        csv_rows.append(",".join(map(str, values)))
    return dates, json_rows, csv_rows
