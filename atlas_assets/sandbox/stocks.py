"""SYNTHETIC: stocks that follow a real index, with made-up splits, dividends and minutes.

A stock's price is its index divided by a constant. Its minutes are a seeded path from the session's open to its
close that touches the session's high and low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

from atlas_assets.sandbox.market_data import DailyBar, daily_bars
from atlas_assets.sandbox.seeds import stream

NEW_YORK = ZoneInfo("America/New_York")
OPENING = time(9, 30)
SESSION_MINUTES = 390
HALF_SESSION_MINUTES = 210
_DIVIDEND_MONTHS = (3, 6, 9, 12)


@dataclass(frozen=True, slots=True)
class Stock:
    """A stock.

    Attributes
    ----------
    name, exchange
        As a list of symbols shows them.
    index, divisor
        The EODHD symbol of the index that it follows, and what its level is divided by after every split.
    splits
        New shares for an old one, by the first session with them.
    dividend
        Of each quarter, as a share of the close before.
    volume_divisor
        What the index's volume is divided by.
    """

    name: str
    exchange: str
    index: str
    divisor: float
    splits: Mapping[date, int]
    dividend: float
    volume_divisor: int


STOCKS: Mapping[str, Stock] = MappingProxyType(
    {
        "SPY": Stock("Sandbox S&P 500 Trust  ", "NYSE ARCA", "GSPC.INDX", 10.0, {date(2018, 12, 10): 2}, 0.0045, 1_000),
        "QQQ": Stock("Sandbox NASDAQ Trust", "NASDAQ", "IXIC.INDX", 40.0, {}, 0.002, 500),
    }
)
"""The stocks by ticker."""


@dataclass(frozen=True, slots=True)
class StockDay:
    """A session of a stock: unadjusted prices in USD, volume in shares.

    Attributes
    ----------
    split, dividend
        What takes effect on the day: new shares for an old one, and USD a share; 1 and 0 for nothing.
    later_splits
        New shares for one of this day, by all later splits that are known.
    adjustment
        What unadjusted prices of this day are multiplied by in split and dividend adjusted ones.
    """

    session_date: date
    open: float
    high: float
    low: float
    close: float
    volume: int
    split: int
    dividend: float
    later_splits: int
    adjustment: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A minute, or several of them; prices in USD."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int
    vwap: float


@cache
def stock_days(ticker: str, last: date) -> tuple[StockDay, ...]:
    """The sessions of a stock up to a day, oldest first, adjusted for what is known by then.

    Parameters
    ----------
    ticker
        A key of `STOCKS`.
    last
        The last day.
    """
    stock = STOCKS[ticker]
    bars = [bar for bar in daily_bars(stock.index) if bar.session_date <= last]
    after = [_shares_after(stock, bar.session_date) for bar in bars]
    days: list[StockDay] = []
    later_splits, adjustment = 1, 1.0
    for position in range(len(bars) - 1, -1, -1):
        bar, shares = bars[position], after[position]
        unit = shares / stock.divisor
        split, dividend = stock.splits.get(bar.session_date, 1), 0.0
        before = bars[position - 1] if position else None
        if before is not None and _is_ex_dividend(bar.session_date):
            dividend = round(before.close * after[position - 1] / stock.divisor / split * stock.dividend, 4)
        days.append(
            StockDay(
                bar.session_date,
                open=round(bar.open * unit, 2),
                high=round(bar.high * unit, 2),
                low=round(bar.low * unit, 2),
                close=round(bar.close * unit, 2),
                volume=bar.volume // stock.volume_divisor // shares,
                split=split,
                dividend=dividend,
                later_splits=later_splits,
                adjustment=adjustment,
            )
        )
        later_splits *= split
        adjustment /= split
        if before is not None and dividend:
            adjustment *= 1 - dividend * split / (before.close * after[position - 1] / stock.divisor)
    return tuple(reversed(days))


def adjusted_bars(ticker: str, last: date) -> tuple[DailyBar, ...]:
    """The sessions as EODHD adjusts them: raw prices, adjusted close, split adjusted volume."""
    return tuple(
        DailyBar(
            day.session_date,
            day.open,
            day.high,
            day.low,
            day.close,
            day.close * day.adjustment,
            day.volume * day.later_splits,
        )
        for day in stock_days(ticker, last)
    )


@lru_cache(maxsize=256)
def minutes(ticker: str, day: StockDay, seed: int) -> tuple[Bar, ...]:
    """The minutes of a session."""
    draw = stream(seed, "minutes", ticker, day.session_date)
    count = HALF_SESSION_MINUTES if (day.session_date.month, day.session_date.day) == (12, 24) else SESSION_MINUTES
    opening, high, low, close = (round(price * 100) for price in (day.open, day.high, day.low, day.close))
    extremes = sorted(draw.sample(range(1, count), 2))
    values = [high, low] if draw.random() < 0.5 else [low, high]
    anchors = [(0, opening), *zip(extremes, values, strict=True), (count, close)]
    path = [opening]
    for (begin, first), (end, last) in pairwise(anchors):
        for step in range(begin + 1, end + 1):
            level = first + (last - first) * (step - begin) / (end - begin)
            noise = 0.0 if step == end else draw.gauss(0.0, (high - low) * 0.03)
            path.append(min(high, max(low, round(level + noise))))
    weights = [draw.uniform(0.5, 1.5) * (1 + 3 * (2 * step / count - 1) ** 2) for step in range(count)]
    total, begins = sum(weights), datetime.combine(day.session_date, OPENING, NEW_YORK).astimezone(UTC)
    bars: list[Bar] = []
    used, share = 0, 0.0
    for step in range(count):
        share += weights[step]
        volume = (day.volume if step == count - 1 else int(day.volume * share / total)) - used
        used += volume
        first, last = path[step], path[step + 1]
        top, bottom = min(high, max(first, last) + draw.randrange(2)), max(low, min(first, last) - draw.randrange(2))
        vwap = round((first + top + bottom + last) / 400, 6)
        start, trades = begins + timedelta(minutes=step), 1 + volume // 120
        bars.append(Bar(start, first / 100, top / 100, bottom / 100, last / 100, volume, trades, vwap))
    return tuple(bars)


def longer_bars(bars: tuple[Bar, ...] | list[Bar], length: timedelta) -> list[Bar]:
    """Minutes joined to longer bars on the UTC grid; the last one can be a part of its length."""
    joined: dict[datetime, list[Bar]] = {}
    for bar in bars:
        since = bar.start - datetime(1970, 1, 1, tzinfo=UTC)
        joined.setdefault(bar.start - since % length, []).append(bar)
    return [join(group, start) for start, group in joined.items()]


def join(bars: list[Bar], start: datetime) -> Bar:
    """Adjacent bars as one that starts at the given instant."""
    volume = sum(bar.volume for bar in bars)
    vwap = sum(bar.vwap * bar.volume for bar in bars) / volume if volume else bars[-1].vwap
    return Bar(
        start,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        volume,
        sum(bar.trades for bar in bars),
        round(vwap, 6),
    )


def _shares_after(stock: Stock, day: date) -> int:
    """Present shares for one of a day: by all splits after it, known or not."""
    shares = 1
    for effective, ratio in stock.splits.items():
        shares *= ratio if effective > day else 1
    return shares


def _is_ex_dividend(day: date) -> bool:
    """Whether it is the third Friday of a quarter's last month."""
    return day.month in _DIVIDEND_MONTHS and day.weekday() == 4 and 15 <= day.day <= 21
