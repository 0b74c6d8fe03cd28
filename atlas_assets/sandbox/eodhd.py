"""EODHD: daily bars of real indices and synthetic stocks, intraday bars, corporate actions, exchanges, the quota.

Not confirmed by a recorded reply: the bodies of 402, 404 and 429, and that a weekly or monthly
period is refused (the vendor serves them, the sandbox does not).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import httpx

from atlas_assets.sandbox import eodhd_rows
from atlas_assets.sandbox.eodhd_rows import INTERVALS, LONGEST_SPAN_DAYS, SYMBOLS
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.world import World

PUBLICATION_TIME = time(22, 0)
"""UTC time of day from which a session's bar is served: an hour after the latest close."""

_HTML = "text/html; charset=UTF-8"
_COSTS = {"intraday": 5, "eod-bulk-last-day": 100}


class _Refused(Exception):
    """A parameter is not as it should be; the argument is the body's ``errors``."""


class EodhdHandler:
    """Answers ``https://eodhd.com/api``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        clock = self._clock = world.clock
        self._seed = world.seed
        self._api_key = world.key("eod_historical")
        self._meter = Meter(world.limit("eodhd_requests_per_minute", 1_000))
        self._calls_per_day = world.limit("eodhd_calls_per_day", 100_000)
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
        path = request.url.path.removeprefix("/api/").strip("/").split("/")
        if path in (["user"], ["internal-user"]):
            return self._json(self._user())
        cost = _COSTS.get(path[0], 1)
        if self._calls + cost > self._calls_per_day:
            return self._text(402, "You exceeded your daily API requests limit.")
        self._calls += cost
        try:
            return self._data(path, query)
        except _Refused as refused:
            return self._json({"errors": refused.args[0]}, status=422)

    def _data(self, path: list[str], query: httpx.QueryParams) -> httpx.Response:
        match path:
            case ["exchange-symbol-list", exchange]:
                rows = eodhd_rows.symbol_rows(exchange.upper(), delisted=query.get("delisted") == "1")
                return self._text(404, "Exchange Not Found.") if rows is None else self._json(rows)
            case ["eod-bulk-last-day", exchange]:
                day = _day(query, "date", self._last)
                return self._json(eodhd_rows.bulk_rows(exchange.upper(), day, self._last))
            case ["eod" | "intraday" | "splits" | "div" as kind, symbol]:
                if (symbol := symbol.upper()) not in SYMBOLS:
                    return self._text(404, "Ticker Not Found.")
                return self._of_symbol(kind, symbol, query)
            case _:
                return self._text(404, "Not Found")

    def _of_symbol(self, kind: str, symbol: str, query: httpx.QueryParams) -> httpx.Response:
        if kind == "eod":
            return self._end_of_day(symbol, query)
        if kind == "intraday":
            return self._json(self._intraday(symbol, query))
        rows = (eodhd_rows.splits if kind == "splits" else eodhd_rows.dividends)(symbol, self._clock.date())
        start, end = _days(query)
        return self._json([row for row in rows if start.isoformat() <= row["date"] <= end.isoformat()])

    def _end_of_day(self, symbol: str, query: httpx.QueryParams) -> httpx.Response:
        start, end = _days(query)
        if query.get("period", "d") != "d":
            raise _Refused({"period": ["The sandbox serves period=d only."]})
        dates, json_rows, csv_rows = _encoded(symbol, self._last)
        as_json = query.get("fmt", "csv") == "json"
        rows = (json_rows if as_json else csv_rows)[bisect_left(dates, start) : bisect_right(dates, end)]
        if query.get("order", "a") == "d":
            rows = rows[::-1]
        if as_json:
            return body_reply(f"[{','.join(rows)}]", "application/json", headers=self._counted())
        text = "\n".join(["Date,Open,High,Low,Close,Adjusted_close,Volume", *rows]) + "\n"
        return body_reply(text, "text/csv; charset=UTF-8", headers=self._counted())

    def _intraday(self, symbol: str, query: httpx.QueryParams) -> list[Any]:
        interval = query.get("interval", "5m")
        if interval not in INTERVALS:
            raise _Refused({"interval": ["The selected interval is invalid."]})
        longest = LONGEST_SPAN_DAYS[interval]
        try:
            end = datetime.fromtimestamp(int(query.get("to") or self._clock.timestamp()), UTC)
            begin = datetime.fromtimestamp(int(query.get("from") or (end - timedelta(days=120)).timestamp()), UTC)
        except (ValueError, OverflowError, OSError):
            raise _Refused({"from": ["The from must be an integer."]}) from None
        if end - begin > timedelta(days=longest):
            raise _Refused({name: [f"Max period length is {longest} days"] for name in ("to", "from")})
        return eodhd_rows.intraday_rows(symbol, interval, begin, end, now=self._clock, seed=self._seed)

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


def _days(query: httpx.QueryParams) -> tuple[date, date]:
    return _day(query, "from", date.min), _day(query, "to", date.max)


def _day(query: httpx.QueryParams, name: str, default: date) -> date:
    try:
        return date.fromisoformat(query[name]) if query.get(name) else default
    except ValueError:
        raise _Refused({name: ["The dates must be written YYYY-MM-DD."]}) from None


@cache
def _encoded(symbol: str, last: date) -> tuple[list[date], list[str], list[str]]:
    """Dates, JSON rows and CSV rows of a symbol."""
    dates, rows = eodhd_rows.daily_rows(symbol, last)
    json_rows = [json.dumps(row, separators=(",", ":")) for row in rows]
    return dates, json_rows, [",".join(map(str, row.values())) for row in rows]
