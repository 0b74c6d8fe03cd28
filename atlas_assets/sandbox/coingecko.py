"""CoinGecko's charts and candles of the simulated prices.

Not confirmed by a recorded reply: the texts of errors other than that of 429, the jitter of stamps within the
day, and the stamp of the candle that is still running (the present, here).
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property

import httpx
import numpy as np
from numpy.typing import NDArray

from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.seeds import stream
from atlas_assets.sandbox.simulator import DAY_MS, FIRST_DAY, LOTS_PER_UNIT, TICKS_PER_UNIT, TradeSimulator
from atlas_assets.sandbox.world import World

DEMO_HOST, PRO_HOST = "api.coingecko.com", "pro-api.coingecko.com"
COINS = {"bitcoin": ("BTCUSDT", 17_400_000), "ethereum": ("ETHUSDT", 104_000_000)}
"""Id -> simulated market and (fixed) number of coins."""

_HOUR = DAY_MS // 24
_STEPS = {"5m": _HOUR // 12, "hourly": _HOUR, "daily": DAY_MS}
_CANDLES = {1: _HOUR // 2, 7: 4 * _HOUR, 14: 4 * _HOUR, 30: 4 * _HOUR, 90: 4 * DAY_MS, 180: 4 * DAY_MS, 365: 4 * DAY_MS}
_PATH = re.compile(r"/api/v3/coins/(?P<coin>[^/]+)/(?P<what>market_chart/range|market_chart|ohlc)")
_EPOCH = date(1970, 1, 1)
_FIRST_MS = (FIRST_DAY - _EPOCH).days * DAY_MS
_REACH_DAYS = 365
_TOO_MANY = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to our API "
    "plans for higher rate limits."
)
_REFUSALS = {
    10002: (401, "API Key Missing"),
    10010: (
        400,
        "If you are using Pro API key, please change your root URL from api.coingecko.com to pro-api.coingecko.com",
    ),
    10011: (
        400,
        "If you are using Demo API key, please change your root URL from pro-api.coingecko.com to api.coingecko.com",
    ),
}
_TOO_FAR = (
    "Your request exceeds the allowed time range. Public API users are limited to querying historical data within the "
    "past 365 days. Upgrade to a paid plan to enjoy full historical data access"
)


class RefusalError(Exception):
    """A request is refused with this status and body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


class CoinGeckoHandler:
    """Answers both hosts' ``/api/v3/coins/{id}/market_chart``, its ``/range`` and ``/ohlc``.

    Parameters
    ----------
    world
        The present, the seed, the accepted keys and the limits.
    """

    def __init__(self, world: World) -> None:
        self._now = int(world.clock.timestamp() * 1000)
        self._seed = world.seed
        self._keys = {"demo": world.key("coingecko"), "pro": world.key("coingecko_pro")}
        self._meter = Meter(world.limit("coingecko_requests_per_minute", 30))
        self._headers = {"Date": http_date(world.clock), "Server": "cloudflare"}
        simulator = TradeSimulator(clock=world.clock, seed=world.seed)
        self._prices = {coin: _Prices(simulator, symbol, supply) for coin, (symbol, supply) in COINS.items()}

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        wait = self._meter.take()
        if wait is not None:
            body = {"status": {"error_code": 429, "error_message": _TOO_MANY}}
            return json_reply(body, status=429, headers=self._headers | {"Retry-After": str(wait)})
        try:
            is_pro = self._checked_key(request)
            found = _PATH.fullmatch(request.url.path)
            if found is None:
                return body_reply("", "text/html", status=404, headers=self._headers)
            if found["coin"] not in COINS:
                raise RefusalError(404, {"error": "coin not found"})
            if request.url.params.get("vs_currency") != "usd":
                raise RefusalError(400, {"error": "invalid vs_currency"})
            prices = self._prices[found["coin"]]
            if found["what"] == "ohlc":
                return json_reply(self._candles(prices, request.url.params), headers=self._headers)
            return json_reply(self._chart(prices, request.url.params, found["what"], is_pro), headers=self._headers)
        except RefusalError as refusal:
            return json_reply(refusal.body, status=refusal.status, headers=self._headers)

    def _checked_key(self, request: httpx.Request) -> bool:
        """Whether it is the paid plan's host; a key of the other plan is refused, and none is fine at the demo host."""
        demo, pro = (request.headers.get(f"x-cg-{kind}-api-key") for kind in ("demo", "pro"))
        is_pro = request.url.host == PRO_HOST
        problem = None
        if is_pro and pro != self._keys["pro"]:
            problem = 10011 if self._keys["demo"] in (demo, pro) else 10002
        elif not is_pro and demo != self._keys["demo"] and (demo or pro):
            problem = 10010 if self._keys["pro"] in (demo, pro) else 10002
        if problem is not None:
            status, message = _REFUSALS[problem]
            raise RefusalError(status, {"status": {"error_code": problem, "error_message": message}})
        return is_pro

    def _chart(self, prices: _Prices, query: httpx.QueryParams, what: str, is_pro: bool) -> dict[str, object]:
        if what == "market_chart":
            start, end, span = self._days(query), self._now, None
        else:
            start, end = (_seconds(query, name) * 1000 for name in ("from", "to"))
            span = end - start
        if not is_pro and start < self._now - _REACH_DAYS * DAY_MS and query.get("days") != "max":
            raise RefusalError(401, {"error": {"status": {"error_code": 10012, "error_message": _TOO_FAR}}})
        spacing = query.get("interval") or self._spacing(self._now - start if span is None else span, end)
        if spacing not in _STEPS:
            raise RefusalError(400, {"error": "invalid interval"})
        moments = self._moments(max(start, _FIRST_MS), min(end, self._now), spacing)
        return {
            "prices": [[moment, prices.price(moment)] for moment in moments],
            "market_caps": [[moment, prices.market_cap(moment)] for moment in moments],
            "total_volumes": [[moment, prices.volume(moment)] for moment in moments],
        }

    def _days(self, query: httpx.QueryParams) -> int:
        days = query.get("days", "")
        if days == "max":
            return _FIRST_MS
        if not re.fullmatch("[0-9]{1,5}", days):
            raise RefusalError(400, {"error": "invalid days"})
        return self._now - int(days) * DAY_MS

    def _spacing(self, span: int, end: int) -> str:
        if span <= DAY_MS and end >= self._now - _HOUR:
            return "5m"
        return "hourly" if span <= 90 * DAY_MS else "daily"

    def _moments(self, start: int, end: int, spacing: str) -> list[int]:
        """The points of a range: days on the grid, shorter steps some seconds after it, and the present at last."""
        step = _STEPS[spacing]
        grid = range(-(-start // step) * step, end + 1, step)
        jitter = 0 if spacing == "daily" else 60_000
        moments = [moment + int(stream(self._seed, "coingecko", moment).random() * jitter) for moment in grid]
        if end == self._now and (not moments or moments[-1] < end):
            moments.append(end)
        return [moment for moment in moments if moment <= end]

    def _candles(self, prices: _Prices, query: httpx.QueryParams) -> list[list[float]]:
        days = query.get("days", "")
        if not days.isdecimal() or int(days) not in _CANDLES:
            raise RefusalError(400, {"error": "invalid days"})
        step = _CANDLES[int(days)]
        first = max(self._now - int(days) * DAY_MS, _FIRST_MS)
        ends = range((first // step + 1) * step, self._now + step, step)
        return [[min(end, self._now), *prices.candle(end - step, min(end, self._now))] for end in ends]


class _Prices:
    """What is known of a coin at a moment, in USDT taken for dollars."""

    def __init__(self, simulator: TradeSimulator, symbol: str, supply: int) -> None:
        self._simulator, self._symbol, self._supply = simulator, symbol, supply

    @cached_property
    def _trades(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Times, prices in ticks and, with a zero in front, quote volume up to each trade, over all days."""
        days = [self._simulator.trades(self._symbol, day) for day in self._simulator.days]
        times = np.concatenate([day.time_ms for day in days])
        ticks = np.concatenate([day.price_ticks for day in days])
        quote = np.concatenate([day.price_ticks * day.quantity_lots for day in days])
        return times, ticks, np.concatenate([[0], np.cumsum(quote)])

    def price(self, moment: int) -> float:
        """The last price at a moment; the first one before any trade."""
        times, ticks, _ = self._trades
        return int(ticks[max(_count_until(times, moment) - 1, 0)]) / TICKS_PER_UNIT

    def market_cap(self, moment: int) -> float:
        """Price times number of coins."""
        return self.price(moment) * self._supply

    def volume(self, moment: int) -> float:
        """Traded within the 24 hours before a moment."""
        times, _, quote = self._trades
        traded = quote[_count_until(times, moment)] - quote[_count_until(times, moment - DAY_MS)]
        return int(traded) / (TICKS_PER_UNIT * LOTS_PER_UNIT)

    def candle(self, start: int, end: int) -> list[float]:
        """First, highest, lowest and last price from a moment up to another; without a trade, the price before."""
        times, ticks, _ = self._trades
        inside = ticks[_count_until(times, start - 1) : _count_until(times, end - 1)].tolist()
        values = [inside[0], max(inside), min(inside), inside[-1]] if inside else []
        return [value / TICKS_PER_UNIT for value in values] or [self.price(start)] * 4


def _count_until(times: NDArray[np.int64], moment: int) -> int:
    return int(np.searchsorted(times, moment, side="right"))


def _seconds(query: httpx.QueryParams, name: str) -> int:
    text = query.get(name, "")
    if not re.fullmatch("[0-9]{1,11}", text):
        raise RefusalError(400, {"error": f"invalid {name}"})
    return int(text)
