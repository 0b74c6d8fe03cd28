"""Binance candles of simulated trades, exact in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from atlas_assets.sandbox.simulator import TradeDay

_MINUTE = 60_000
INTERVALS_MS = {
    name: minutes * _MINUTE
    for name, minutes in {
        "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30,
        "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720, "1d": 1_440,
    }.items()
}  # fmt: skip
"""Candle lengths that the sandbox serves: those that divide a day."""

_DAY_MS = 1_440 * _MINUTE


def candle_rows(trades: TradeDay, *, interval_ms: int, now_ms: int) -> tuple[list[int], list[str]]:
    """The candles of a day that have begun by now, as opening times and JSON rows of twelve fields.

    An interval without a trade repeats the last close with zero volume. The last candle can be a
    running one.

    Parameters
    ----------
    trades
        A day's trades up to now; the first one lies in the first interval.
    interval_ms
        Length of a candle, one of `INTERVALS_MS`.
    now_ms
        The present in milliseconds since 1970.
    """
    midnight = int(trades.time_ms[0]) // _DAY_MS * _DAY_MS
    last = min(now_ms, midnight + _DAY_MS - 1)
    count = (last - midnight) // interval_ms + 1
    opens_at = midnight + interval_ms * np.arange(count)
    bounds = np.searchsorted(trades.time_ms, np.append(opens_at, midnight + interval_ms * count))
    first, number = bounds[:-1], np.diff(bounds)
    traded = number > 0

    price = trades.price_ticks
    quote = price * trades.quantity_lots
    bought = ~trades.buyer_is_maker
    members = trades.last_trade_id - trades.first_trade_id + 1
    close = price[bounds[1:] - 1]  # of the last trade before the interval's end, in it or earlier
    starts = first[traded]
    open_, high, low = close.copy(), close.copy(), close.copy()
    open_[traded] = price[starts]
    high[traded] = np.maximum.reduceat(price, starts)
    low[traded] = np.minimum.reduceat(price, starts)

    def total(values: NDArray[np.int64]) -> list[int]:
        cumulative = np.concatenate([[0], np.cumsum(values)])
        return (cumulative[bounds[1:]] - cumulative[bounds[:-1]]).tolist()

    prices = [[decimal(ticks, 2) for ticks in column.tolist()] for column in (open_, high, low, close)]
    base, quotes, trade_count = total(trades.quantity_lots), total(quote), total(members)
    taker_base, taker_quote = total(trades.quantity_lots * bought), total(quote * bought)
    opening = opens_at.tolist()
    rows = [
        f'[{at},"{o}","{h}","{lo}","{c}","{decimal(v, 5)}",{at + interval_ms - 1},"{decimal(q, 7)}",{n},'
        f'"{decimal(tb, 5)}","{decimal(tq, 7)}","0"]'
        for at, o, h, lo, c, v, q, n, tb, tq in zip(
            opening, *prices, base, quotes, trade_count, taker_base, taker_quote, strict=True
        )
    ]
    return opening, rows


def decimal(value: int, digits: int) -> str:
    """A count of ``10**-digits`` written with Binance's eight decimals.

    >>> decimal(404127, 2)
    '4041.27000000'
    """
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}{'0' * (8 - digits)}"
