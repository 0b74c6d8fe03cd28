"""Alpaca market data of synthetic stocks: bars and trades of the IEX feed.

Not confirmed by a recorded reply: the bodies of errors and the headers.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from atlas_assets.sandbox.replies import Meter, http_date, json_reply
from atlas_assets.sandbox.seeds import stream
from atlas_assets.sandbox.stocks import STOCKS, Bar, StockDay, join, minutes, stock_days
from atlas_assets.sandbox.world import World

SHARE_OF_IEX = 33
"""One share in so many is traded at IEX."""

_NEW_YORK = ZoneInfo("America/New_York")
_CLOSE = time(16)
_LARGEST_PAGE = 10_000
_TRADES_A_MINUTE = 3


class _Refused(Exception):
    """A parameter is not as it should be."""


class AlpacaHandler:
    """Answers ``https://data.alpaca.markets/v2``.

    Parameters
    ----------
    world
        The present, the seed, the accepted keys (``alpaca`` and ``alpaca_secret``) and the limits.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._seed = world.seed
        self._keys = (world.key("alpaca"), world.key("alpaca_secret"))
        self._meter = Meter(world.limit("alpaca_requests_per_minute", 200), seconds_per_request=0.1)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        headers, query = request.headers, request.url.params
        if (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")) != self._keys:
            return self._json({"message": "forbidden."}, status=403)
        if self._meter.take() is not None:
            return self._json({"message": "too many requests."}, status=429)
        rows_of = {"/v2/stocks/bars": self._bars, "/v2/stocks/trades": self._trades}.get(request.url.path)
        if rows_of is None:
            return self._json({"message": "Not Found"}, status=404)
        try:
            return self._page(request.url.path.rpartition("/")[2], [*rows_of(query)], query)
        except _Refused as refused:
            return self._json({"message": str(refused)}, status=400)
        except PermissionError as refused:
            return self._json({"message": str(refused)}, status=403)

    def _bars(self, query: httpx.QueryParams) -> Iterator[tuple[str, dict[str, Any]]]:
        begin, end = self._span(query)
        timeframe = query.get("timeframe")
        if timeframe not in ("1Min", "1Day"):
            raise _Refused(f"invalid timeframe: {timeframe}")
        if query.get("adjustment", "raw") != "raw":
            raise _Refused("the sandbox serves adjustment=raw only")
        for symbol, day in self._sessions(query, begin, end):
            bars = self._daily(symbol, day) if timeframe == "1Day" else self._finished(symbol, day)
            yield from ((symbol, _bar_row(bar)) for bar in bars if begin <= bar.start <= end)

    def _trades(self, query: httpx.QueryParams) -> Iterator[tuple[str, dict[str, Any]]]:
        begin, end = self._span(query)
        for symbol, day in self._sessions(query, begin, end):
            for trade_id, (at, row) in enumerate(self._day_trades(symbol, day), 1):
                if begin <= at <= end and at <= self._clock:
                    yield symbol, row | {"i": trade_id, "z": "B"}

    def _daily(self, symbol: str, day: StockDay) -> list[Bar]:
        """The session's bar; during the session, what there is of it."""
        midnight = datetime.combine(day.session_date, time.min, _NEW_YORK).astimezone(UTC)
        if self._clock < datetime.combine(day.session_date, _CLOSE, _NEW_YORK):
            seen = self._finished(symbol, day)
            return [join(seen, midnight)] if seen else []
        volume = day.volume // SHARE_OF_IEX
        vwap = round((day.open + day.high + day.low + day.close) / 4, 6)
        return [Bar(midnight, day.open, day.high, day.low, day.close, volume, 1 + volume // 100, vwap)]

    def _finished(self, symbol: str, day: StockDay) -> list[Bar]:
        """The finished minutes of a session in which IEX saw a trade."""
        return [bar for bar in self._seen(symbol, day) if bar.start + timedelta(minutes=1) <= self._clock]

    def _seen(self, symbol: str, day: StockDay) -> Iterator[Bar]:
        draw = stream(self._seed, "iex", symbol, day.session_date)
        for bar in minutes(symbol, day, self._seed):
            volume = bar.volume // SHARE_OF_IEX
            if draw.random() > 0.02 and volume:
                yield Bar(
                    bar.start, bar.open, bar.high, bar.low, bar.close, volume, 1 + bar.trades // SHARE_OF_IEX, bar.vwap
                )

    def _day_trades(self, symbol: str, day: StockDay) -> Iterator[tuple[datetime, dict[str, Any]]]:
        draw = stream(self._seed, "trades", symbol, day.session_date)
        for bar in self._seen(symbol, day):
            nanoseconds = sorted(draw.randrange(60_000_000_000) for _ in range(_TRADES_A_MINUTE))
            for offset in nanoseconds:
                at = bar.start + timedelta(microseconds=offset // 1000)
                price = draw.choice((bar.open, bar.high, bar.low, bar.close))
                stamp = f"{bar.start + timedelta(seconds=offset // 10**9):%Y-%m-%dT%H:%M:%S}.{offset % 10**9:09d}"
                text = f"{stamp.rstrip('0').rstrip('.')}Z"
                yield at, {"t": text, "x": "V", "p": price, "s": draw.choice((1, 10, 100, 100, 200)), "c": ["@"]}

    def _sessions(self, query: httpx.QueryParams, begin: datetime, end: datetime) -> Iterator[tuple[str, StockDay]]:
        symbols = sorted({symbol for symbol in query.get("symbols", "").split(",") if symbol})
        if not symbols:
            raise _Refused("symbols is required")
        for symbol in symbols:
            if not symbol.replace(".", "").isalpha() or not symbol.isupper():
                raise _Refused(f"invalid symbol: {symbol}")
        first, last = begin.astimezone(_NEW_YORK).date(), end.astimezone(_NEW_YORK).date()
        for symbol in symbols:
            for day in stock_days(symbol, self._today) if symbol in STOCKS else ():
                if first <= day.session_date <= last:
                    yield symbol, day

    @property
    def _today(self) -> date:
        return self._clock.astimezone(_NEW_YORK).date()

    def _span(self, query: httpx.QueryParams) -> tuple[datetime, datetime]:
        if query.get("feed", "sip") not in ("iex", "sip"):
            raise _Refused(f"invalid feed: {query['feed']}")
        begin = _instant(query.get("start"), self._clock.replace(hour=0, minute=0, second=0, microsecond=0))
        end = _instant(query.get("end"), self._clock)
        if end < begin:
            raise _Refused("end should not be before start")
        if query.get("feed", "sip") == "sip" and end > self._clock - timedelta(minutes=15):
            raise PermissionError("subscription does not permit querying recent SIP data")
        return begin, end

    def _page(self, key: str, rows: list[tuple[str, dict[str, Any]]], query: httpx.QueryParams) -> httpx.Response:
        """A page of the rows, by symbol; the token says how many came before."""
        try:
            limit = int(query.get("limit", "1000"))
            position = int(base64.b64decode(query["page_token"], validate=True)) if "page_token" in query else 0
        except ValueError:
            raise _Refused("invalid page_token") from None
        if not 1 <= limit <= _LARGEST_PAGE:
            raise _Refused(f"limit must be between 1 and {_LARGEST_PAGE}")
        by_symbol: dict[str, list[Any]] = {}
        for symbol, row in rows[position : position + limit]:
            by_symbol.setdefault(symbol, []).append(row)
        following = position + limit
        token = base64.b64encode(str(following).encode()).decode() if following < len(rows) else None
        return self._json({key: by_symbol, "next_page_token": token})

    def _json(self, value: Any, *, status: int = 200) -> httpx.Response:
        headers = {
            "Date": http_date(self._clock),
            "X-RateLimit-Limit": str(self._meter.limit),
            "X-RateLimit-Remaining": str(self._meter.remaining),
            "X-RateLimit-Reset": str(int(self._clock.timestamp()) + 1),
        }
        return json_reply(value, status=status, headers=headers)


def _bar_row(bar: Bar) -> dict[str, Any]:
    return {
        "t": f"{bar.start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
        "n": bar.trades,
        "vw": bar.vwap,
    }


def _instant(text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise _Refused(f"Invalid format for parameter: error parsing '{text}' as RFC3339 or 2006-01-02 time") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=_NEW_YORK)
