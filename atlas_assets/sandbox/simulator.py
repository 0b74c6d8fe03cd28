r"""SYNTHETIC: a seeded trade simulator with known informed-trading episodes.

A day can be generated alone: its opening price, its number of trades and its episode come from a
cheap seeded plan of all days, and its trades from a generator seeded by (seed, symbol, day).

Between days the log price :math:`x` reverts to its mean,

.. math:: x_{d+1} = x_d + \kappa (\mu - x_d) + \sigma z_d + \delta_d,

where :math:`\delta_d` is the drift of the day's episode. Within a day the log mid price is a
Brownian bridge between the two openings, driven in part by the order flow, plus the drift of the
episode, spread evenly over it. Background order flow is balanced; inside an episode the aggressor
takes the episode's direction with probability :math:`(1 + \text{intensity}) / 2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

FIRST_DAY = date(2018, 12, 1)
"""First simulated day; trade ids start at 0 there."""

TICKS_PER_UNIT = 100
"""Price ticks of 0.01."""

LOTS_PER_UNIT = 100_000
"""Quantity lots of 0.00001."""

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_EPISODE_SHARE = 0.25
_ACTIVITY_IN_EPISODE = 1.8
_FLOW_SHARE = 0.6
_PLAN_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Market:
    """Parameters of a symbol: levels near the real ones of December 2018.

    Attributes
    ----------
    opening, mean
        First price and the price reverted to, in USDT.
    reversion
        Kappa, share of the distance to the mean made up in a day.
    daily_volatility, intraday_volatility
        Standard deviations of the log price: of a day's shock and of a day's bridge.
    median_quantity
        Of a trade, in base units.
    half_spread
        Relative distance of bid and ask from the mid price.
    index
        Makes the symbol's random streams its own.
    """

    opening: float
    mean: float
    reversion: float
    daily_volatility: float
    intraday_volatility: float
    median_quantity: float
    half_spread: float
    index: int


MARKETS: Mapping[str, Market] = MappingProxyType(
    {
        "BTCUSDT": Market(4_041.0, 3_700.0, 0.15, 0.022, 0.016, 0.05, 3e-5, 0),
        "ETHUSDT": Market(113.0, 112.0, 0.15, 0.030, 0.020, 0.9, 5e-5, 1),
    }
)


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of informed trading.

    Attributes
    ----------
    symbol
        Binance symbol.
    start, end
        From and to (UTC), within one day.
    direction
        1 when the informed buy and the price rises, -1 when they sell.
    intensity
        Expected order imbalance inside, in (0, 1); outside it is 0.
    drift
        Log price change that the informed flow causes.
    """

    symbol: str
    start: datetime
    end: datetime
    direction: int
    intensity: float
    drift: float


@dataclass(frozen=True, slots=True)
class TradeDay:
    """The aggregate trades of a symbol on a UTC day, as arrays of one length, oldest first.

    Attributes
    ----------
    first_id
        Aggregate trade id of the first row; ids are contiguous, also across days.
    time_ms
        Milliseconds since 1970, non-decreasing.
    price_ticks, quantity_lots
        Integer multiples of 0.01 USDT and 0.00001 base units.
    buyer_is_maker
        True when the seller was the aggressor.
    first_trade_id, last_trade_id
        Ids of the single trades in the aggregate.
    """

    first_id: int
    time_ms: NDArray[np.int64]
    price_ticks: NDArray[np.int64]
    quantity_lots: NDArray[np.int64]
    buyer_is_maker: NDArray[np.bool_]
    first_trade_id: NDArray[np.int64]
    last_trade_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_ms)

    def until(self, time_ms: int) -> TradeDay:
        """The trades up to and including a moment."""
        count = int(np.searchsorted(self.time_ms, time_ms, side="right"))
        if count == len(self):
            return self
        names = ("time_ms", "price_ticks", "quantity_lots", "buyer_is_maker", "first_trade_id", "last_trade_id")
        return TradeDay(self.first_id, *(getattr(self, name)[:count] for name in names))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of all days before any trade is drawn; one row a day."""

    log_open: NDArray[np.float64]  # one more than days: the last is the next opening
    first_id: NDArray[np.int64]  # same
    first_trade_id: NDArray[np.int64]  # same
    episode: NDArray[np.float64]  # (days, 4): start and end as fractions of the day, direction * intensity, drift


class TradeSimulator:
    """Trades of `MARKETS` from `FIRST_DAY` to the clock.

    Parameters
    ----------
    clock
        The present (UTC); nothing later is ever given.
    seed
        Same seed, same trades; what lies before the clock does not depend on the clock.
    """

    def __init__(self, *, clock: datetime, seed: int = 0) -> None:
        self.now_ms = int(clock.timestamp() * 1000)
        self._last_day = clock.astimezone(UTC).date()
        self._clock = clock
        self._seed = seed

    @property
    def days(self) -> list[date]:
        """All days that have begun."""
        return [FIRST_DAY + timedelta(days=number) for number in range((self._last_day - FIRST_DAY).days + 1)]

    def trades(self, symbol: str, day: date) -> TradeDay:
        """The trades of a day from `FIRST_DAY` on, up to the clock."""
        whole = simulate_day(self._seed, symbol, (day - FIRST_DAY).days)
        return whole.until(self.now_ms) if day >= self._last_day else whole

    def day_of_id(self, symbol: str, agg_trade_id: int) -> date:
        """The day whose trades hold an id (the last day for any later id)."""
        plan = _plan(self._seed, symbol, len(self.days))
        number = int(np.searchsorted(plan.first_id[:-1], min(agg_trade_id, 2**62), side="right")) - 1
        return max(min(FIRST_DAY + timedelta(days=number), self._last_day), FIRST_DAY)

    def daily_opens(self, symbol: str) -> list[float]:
        """Opening mid prices of `days` in USDT."""
        return np.exp(_plan(self._seed, symbol, len(self.days)).log_open[: len(self.days)]).tolist()

    def truth(self, symbol: str) -> list[Episode]:
        """The informed-trading episodes that have begun by the clock, oldest first."""
        plan = _plan(self._seed, symbol, len(self.days))
        episodes: list[Episode] = []
        for day, (start, end, signed, drift) in zip(self.days, plan.episode.tolist(), strict=False):
            midnight = datetime.combine(day, time(), UTC)
            begin, finish = (midnight + timedelta(milliseconds=round(part * DAY_MS)) for part in (start, end))
            if signed and begin <= self._clock:
                episodes.append(
                    Episode(symbol, begin, min(finish, self._clock), 1 if signed > 0 else -1, abs(signed), drift)
                )
        return episodes


def _plan(seed: int, symbol: str, days: int) -> _Plan:
    """The plan of at least that many days."""
    return _plan_chunks(seed, symbol, max(-(-days // _PLAN_CHUNK), 1))


@lru_cache(maxsize=16)
def _plan_chunks(seed: int, symbol: str, chunks: int) -> _Plan:
    """Row by row from one stream a quantity, so that a longer plan starts with the shorter one."""
    market, days = MARKETS[symbol], chunks * _PLAN_CHUNK
    uniform = np.random.default_rng([seed, market.index, 1]).random((days, 6))
    common = np.random.default_rng([seed, 2]).standard_normal(days)
    own = np.random.default_rng([seed, market.index, 3]).standard_normal(days)
    shock = market.daily_volatility * (0.8 * common + 0.6 * own)

    counts = 4_000 + (2_001 * uniform[:, 0]).astype(np.int64)
    start = 0.05 + 0.70 * uniform[:, 2]
    intensity = 0.45 + 0.35 * uniform[:, 4]
    signed = np.where(uniform[:, 1] < _EPISODE_SHARE, intensity * np.where(uniform[:, 5] < 0.5, -1.0, 1.0), 0.0)
    drift = 0.06 * signed
    episode = np.column_stack([start, start + (2.0 + 2.5 * uniform[:, 3]) / 24.0, signed, drift])

    log_open = np.empty(days + 1)
    log_open[0] = np.log(market.opening)
    mean = np.log(market.mean)
    for day in range(days):
        log_open[day + 1] = log_open[day] + market.reversion * (mean - log_open[day]) + shock[day] + drift[day]
    return _Plan(log_open, _cumulative(counts), _cumulative(counts + counts * 2 // 5), episode)


def _cumulative(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)])


@lru_cache(maxsize=16)
def simulate_day(seed: int, symbol: str, number: int) -> TradeDay:
    """All trades of a symbol on the day of that number, counted from `FIRST_DAY`."""
    market, plan = MARKETS[symbol], _plan(seed, symbol, number + 1)
    rng = np.random.default_rng([seed, market.index, 4, number])
    first_id, end_id = (int(value) for value in plan.first_id[number : number + 2])
    start, end, signed, drift = (float(value) for value in plan.episode[number])
    count = end_id - first_id

    fraction = _arrivals(rng, count, start, end if signed else start)
    inside = (fraction >= start) & (fraction < end)
    buy_probability = np.where(inside, 0.5 + signed / 2, 0.5)
    side = np.where(rng.random(count) < buy_probability, 1.0, -1.0)
    quantity = market.median_quantity * np.exp(1.1 * rng.standard_normal(count))

    # The flow moves the price only by its surprise: what is expected of it is the episode's drift.
    surprise = side - (2 * buy_probability - 1)
    steps = _FLOW_SHARE * surprise + math.sqrt(1 - _FLOW_SHARE**2) * rng.standard_normal(count)
    walk = np.cumsum(steps) * market.intraday_volatility / math.sqrt(count)
    bridge = walk - walk[-1] * np.arange(1, count + 1) / count
    log_open, log_close = (float(value) for value in plan.log_open[number : number + 2])
    ramp = np.clip((fraction - start) / (end - start), 0.0, 1.0)
    log_mid = log_open + (log_close - log_open - drift) * fraction + drift * ramp + bridge
    ticks = np.rint(np.exp(log_mid) * (1.0 + side * market.half_spread) * TICKS_PER_UNIT)

    midnight = ((FIRST_DAY - _EPOCH).days + number) * DAY_MS
    extra = int(plan.first_trade_id[number + 1] - plan.first_trade_id[number]) - count
    members = 1 + np.bincount(rng.integers(0, count, extra), minlength=count)
    last_trade_id = plan.first_trade_id[number] + np.cumsum(members) - 1
    arrays = (
        midnight + (fraction * DAY_MS).astype(np.int64),
        ticks.astype(np.int64),
        np.maximum(np.rint(quantity * LOTS_PER_UNIT), 1).astype(np.int64),
        side < 0,
        last_trade_id - members + 1,
        last_trade_id,
    )
    for array in arrays:
        array.flags.writeable = False
    return TradeDay(first_id, *arrays)


def _arrivals(rng: np.random.Generator, count: int, start: float, end: float) -> NDArray[np.float64]:
    """Sorted arrival times as fractions of the day: busiest at 15:00 UTC and inside the episode.

    The first trade comes in the first seconds, so that every day's candles stand on its own trades.
    """
    minutes = (np.arange(1_440) + 0.5) / 1_440
    activity = 1.0 + 0.6 * np.cos(2 * np.pi * (minutes - 15 / 24))
    activity[(minutes >= start) & (minutes < end)] *= _ACTIVITY_IN_EPISODE
    cumulative = np.concatenate([[0.0], np.cumsum(activity)])
    uniform = np.sort(rng.random(count))
    uniform[0] *= 1e-5
    return np.interp(uniform, cumulative / cumulative[-1], np.arange(1_441) / 1_440)
