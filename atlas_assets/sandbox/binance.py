"""Binance spot market data from the trade simulator: candles, aggregate trades, symbols, time.

Not confirmed by a recorded reply: the bodies of 418 and 429.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from datetime import date, timedelta

import httpx

from atlas_assets.sandbox.candles import INTERVALS_MS, candle_rows, decimal
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.simulator import FIRST_DAY, MARKETS, TradeSimulator
from atlas_assets.sandbox.world import World

_JSON = "application/json;charset=UTF-8"
_WEIGHTS = {
    "/api/v3/klines": 2,
    "/api/v3/aggTrades": 4,
    "/api/v3/exchangeInfo": 20,
    "/api/v3/time": 1,
    "/api/v3/ping": 1,
}
_CACHED_DAYS = 8
DELISTED = "BCCUSDT"
"""Listed for ever as a pair that no longer trades."""

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000


class ParameterError(Exception):
    """A parameter is refused with Binance's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class BinanceHandler:
    """Answers ``https://data-api.binance.vision/api/v3``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        self.simulator = TradeSimulator(clock=world.clock, seed=world.seed)
        self._meter = Meter(world.limit("binance_weight_per_minute", 6_000))
        self._date = http_date(world.clock)
        self._encoded: OrderedDict[tuple[str, str, date], tuple[list[int], list[str]]] = OrderedDict()

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        path, query = request.url.path, request.url.params
        wait = self._meter.take(_WEIGHTS.get(path, 1))
        headers = {
            "Date": self._date,
            "Server": "nginx",
            "X-MBX-UUID": "00000000-0000-0000-0000-000000000000",
            "X-MBX-USED-WEIGHT": str(self._meter.used),
            "X-MBX-USED-WEIGHT-1M": str(self._meter.used),
        }
        if wait is not None:
            message = f"Too much request weight used; current limit is {self._meter.limit} request weight per 1 MINUTE."
            value = {"code": -1003, "msg": message}
            return json_reply(value, status=429, content_type=_JSON, headers=headers | {"Retry-After": str(wait)})
        try:
            match path:
                case "/api/v3/aggTrades":
                    return body_reply(f"[{','.join(self._agg_trades(query))}]", _JSON, headers=headers)
                case "/api/v3/klines":
                    return body_reply(f"[{','.join(self._klines(query))}]", _JSON, headers=headers)
                case "/api/v3/exchangeInfo":
                    return json_reply(self._exchange_info(query), content_type=_JSON, headers=headers)
                case "/api/v3/time":
                    return json_reply({"serverTime": self.simulator.now_ms}, content_type=_JSON, headers=headers)
                case "/api/v3/ping":
                    return json_reply({}, content_type=_JSON, headers=headers)
                case _:
                    return body_reply("", "text/html", status=404, headers=headers)
        except ParameterError as error:
            value = {"code": error.code, "msg": str(error)}
            return json_reply(value, status=400, content_type=_JSON, headers=headers)

    def _agg_trades(self, query: httpx.QueryParams) -> list[str]:
        symbol, limit = _symbol(query), _limit(query)
        from_id, start, end = (_whole(query, name) for name in ("fromId", "startTime", "endTime"))
        if from_id is None:
            return self._page(symbol, "trades", limit, start, end)
        if start is not None or end is not None:
            raise ParameterError(-1128, "Combination of optional parameters invalid.")
        day = self.simulator.day_of_id(symbol, from_id)
        return self._forward(symbol, "trades", limit, day, skip=from_id - self.simulator.trades(symbol, day).first_id)

    def _klines(self, query: httpx.QueryParams) -> list[str]:
        symbol, interval = _symbol(query), _required(query, "interval")
        if interval not in INTERVALS_MS:
            raise ParameterError(-1120, "Invalid interval.")
        return self._page(symbol, interval, _limit(query), _whole(query, "startTime"), _whole(query, "endTime"))

    def _page(self, symbol: str, kind: str, limit: int, start: int | None, end: int | None) -> list[str]:
        """The oldest rows from ``start``, or without it the newest up to ``end``."""
        if start is None:
            return self._backward(symbol, kind, limit, end)
        if end is not None and start > end:
            raise ParameterError(-1127, "Start time is greater than end time.")
        day = self._day(start)
        return self._forward(
            symbol, kind, limit, day, skip=bisect_left(self._rows(symbol, kind, day)[0], start), end=end
        )

    def _forward(
        self, symbol: str, kind: str, limit: int, day: date, *, skip: int, end: int | None = None
    ) -> list[str]:
        """The next rows, leaving out some of the first day's."""
        rows: list[str] = []
        last = self._day(end)
        while day <= last and len(rows) < limit:
            moments, encoded = self._rows(symbol, kind, day)
            stop = len(moments) if end is None else bisect_right(moments, end)
            rows += encoded[max(skip, 0) : stop][: limit - len(rows)]
            day, skip = day + timedelta(days=1), 0
        return rows

    def _backward(self, symbol: str, kind: str, limit: int, end: int | None) -> list[str]:
        """The last rows up to a moment."""
        rows: list[str] = []
        day = self._day(end)
        while day >= FIRST_DAY and len(rows) < limit:
            moments, encoded = self._rows(symbol, kind, day)
            stop = len(moments) if end is None else bisect_right(moments, end)
            rows = encoded[max(stop - (limit - len(rows)), 0) : stop] + rows
            day -= timedelta(days=1)
        return rows

    def _rows(self, symbol: str, kind: str, day: date) -> tuple[list[int], list[str]]:
        """Times and JSON rows of a day: of its trades, or of its candles of an interval."""
        key = (symbol, kind, day)
        if key not in self._encoded:
            self._encoded[key] = self._encode(symbol, kind, day)
        self._encoded.move_to_end(key)
        while len(self._encoded) > _CACHED_DAYS:
            self._encoded.popitem(last=False)
        return self._encoded[key]

    def _encode(self, symbol: str, kind: str, day: date) -> tuple[list[int], list[str]]:
        trades = self.simulator.trades(symbol, day)
        if not len(trades):
            return [], []
        if kind != "trades":
            return candle_rows(trades, interval_ms=INTERVALS_MS[kind], now_ms=self.simulator.now_ms)
        moments = trades.time_ms.tolist()
        columns = (
            trades.price_ticks,
            trades.quantity_lots,
            trades.first_trade_id,
            trades.last_trade_id,
            trades.buyer_is_maker,
        )
        rows = [
            f'{{"a":{number},"p":"{decimal(price, 2)}","q":"{decimal(quantity, 5)}","f":{first},"l":{last},'
            f'"T":{moment},"m":{"true" if maker else "false"},"M":true}}'
            for number, (moment, price, quantity, first, last, maker) in enumerate(
                zip(moments, *(column.tolist() for column in columns), strict=True), trades.first_id
            )
        ]
        return moments, rows

    def _day(self, moment_ms: int | None) -> date:
        """The simulated day of a moment, the nearest one when it lies outside; the last for None."""
        now_ms = self.simulator.now_ms
        number = (now_ms if moment_ms is None else min(moment_ms, now_ms)) // _DAY_MS
        return max(_EPOCH + timedelta(days=number), FIRST_DAY)

    def _exchange_info(self, query: httpx.QueryParams) -> dict[str, object]:
        symbols = [_symbol(query)] if "symbol" in query else [*MARKETS, DELISTED]
        minute = {"interval": "MINUTE", "intervalNum": 1}
        return {
            "timezone": "UTC",
            "serverTime": self.simulator.now_ms,
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", **minute, "limit": self._meter.limit}],
            "exchangeFilters": [],
            "symbols": [_symbol_row(symbol) for symbol in symbols],
        }


def _symbol_row(symbol: str) -> dict[str, object]:
    price = {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"}
    lot = {"minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"}
    return {
        "symbol": symbol,
        "status": "BREAK" if symbol == DELISTED else "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "baseAssetPrecision": 8,
        "quoteAsset": "USDT",
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": symbol != DELISTED,
        "isMarginTradingAllowed": True,
        "filters": [{"filterType": "PRICE_FILTER", **price}, {"filterType": "LOT_SIZE", **lot}],
        "permissions": ["SPOT", "MARGIN"],
    }


def _required(query: httpx.QueryParams, name: str) -> str:
    value = query.get(name)
    if not value:
        raise ParameterError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def _symbol(query: httpx.QueryParams) -> str:
    symbol = _required(query, "symbol")
    if not re.fullmatch(r"[A-Z0-9_.\-]{1,20}", symbol):
        raise ParameterError(
            -1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
        )
    if symbol not in MARKETS:
        raise ParameterError(-1121, "Invalid symbol.")
    return symbol


def _whole(query: httpx.QueryParams, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise ParameterError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
    return int(text)


def _limit(query: httpx.QueryParams) -> int:
    limit = _whole(query, "limit")
    if limit == 0:
        raise ParameterError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit or 500, 1_000)
