r"""Order-flow features of time bars: who trades, how much, how fast and on which side.

Trades are gathered into time bars. Within a bar they are told apart by size: a trade is small, medium, ... as it lies
between quantiles of the trades of the days before. Buys and sells come from the reported side or the tick rule. With
:math:`v_i` the volume and :math:`s_i \in \{-1, 0, 1\}` the side of trade i, and b a size class,

.. math:: \mathrm{imbalance}_b = \frac{\sum_{i \in b} s_i v_i}{\sum_{i \in b} v_i}, \qquad
          \mathrm{volume\ share}_b = \frac{\sum_{i \in b} v_i}{\sum_i v_i}

References
----------
Lee, Ready (1991), Inferring trade direction from intraday data, Journal of Finance 46(2): the tick rule.
Barclay, Warner (1993), Stealth trading and volatility, Journal of Financial Economics 34(3), and Lee, Radhakrishna
(2000), Inferring investor behavior: evidence from TORQ data, Journal of Financial Markets 3(2): trade-size classes.
Chordia, Roll, Subrahmanyam (2002), Order imbalance, liquidity, and market returns, JFE 65(1): signed imbalance.
Engle, Russell (1998), Autoregressive conditional duration, Econometrica 66(5): times between trades.
Alexander, Peterson (2007), An analysis of trade-size clustering and its relation to stealth trading, JFE 84(2):
round sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.moments import seconds_of
from atlas_assets.contracts.tick_rule import tick_rule

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class OrderFlowFeatures:
    """Features of ``n`` bars that have trades.

    Attributes
    ----------
    time : array of shape (n,), ends of the bars, seconds since the epoch (UTC): when the row is known.
    names : the ``d`` features.
    rows : array of shape (n, d), finite.

    Notes
    -----
    ``log_mean_trade_size``, ``log_volume`` : natural logarithms of the bar's mean trade and of its volume.
    ``log_trades_<class>`` : log(1 + number of trades) of a size class; class 0 is the smallest.
    ``volume_share_<class>`` : in [0, 1].
    ``imbalance_<class>`` : in [-1, 1]; 0 without trades. Trades of unknown side count in the volume only.
    ``log_duration`` : log(1 + mean seconds between a trade and the one before it).
    ``duration_variation`` : deviation of these seconds over their mean; 0 is regular, 1 is Poisson, more is bursts.
    ``round_lot_share`` : share of trades whose size is a multiple of the round lot.
    ``time_of_day_sine``, ``time_of_day_cosine`` : the middle of the bar on the circle of 24 hours UTC.
    """

    time: FloatArray
    names: tuple[str, ...]
    rows: FloatArray


def order_flow_features(
    time: npt.ArrayLike,
    price: npt.ArrayLike,
    volume: npt.ArrayLike,
    *,
    side: npt.ArrayLike | None = None,
    session: npt.ArrayLike | None = None,
    unknown_side: Literal["tick_rule", "unknown"] = "tick_rule",
    bar_seconds: float = 300.0,
    size_quantiles: tuple[float, ...] = (0.5, 0.9),
    trailing_days: int = 20,
    round_lot: float = 100.0,
    since: float | None = None,
    until: float | None = None,
) -> OrderFlowFeatures:
    """Features of one instrument's trades, bar by bar, without look-ahead.

    Bars start at multiples of ``bar_seconds`` since the epoch; one without trades has no row. The first UTC day is
    burn-in for the size classes and has no rows either.

    Parameters
    ----------
    time : array of shape (n_trades,), seconds since the epoch, datetime64 (UTC) or times of pandas, not decreasing
    price, volume : arrays of shape (n_trades,), positive
    side : array of shape (n_trades,), 1 where the buyer took the initiative, -1 where the seller did, 0 or NaN unknown
    session : array of shape (n_trades,), anything that names a trade's session, such as its date: no time is measured
        from one session to the next. None is trading around the clock.
    unknown_side : what a trade without side is: the sign of the last price change ("tick_rule"), or nothing
    bar_seconds : length of a bar, at most a day
    size_quantiles : between 0 and 1, increasing; a trade of a day is compared with these quantiles of all trades of
        the up to ``trailing_days`` traded days before it. m quantiles make m + 1 classes.
    trailing_days : number of past days of the quantiles
    round_lot : in the unit of the volume
    since : time from which bars that start then or later have a row, seconds; the trades before only tell sides, sizes
        and the time since the trade before. None is the first trade.
    until : time up to which the trades are complete, seconds; None is the last trade. Only bars that ended by then
        have a row.

    Raises
    ------
    ValueError
        If time goes backwards, prices or volumes are not positive and finite, or a side is not one of -1, 0, 1.
    """
    seconds, prices, volumes = _trades(time, price, volume)
    _require_options(bar_seconds, size_quantiles, trailing_days, round_lot)
    signs = _sides(side, prices, unknown_side)
    has_duration = _within_session(session, seconds.size)

    wanted_since = -np.inf if since is None else since
    size_class, has_class = _size_classes(seconds, volumes, size_quantiles, trailing_days, since=wanted_since)
    bar = np.floor(seconds / bar_seconds).astype(np.int64)
    complete_until = seconds[-1] if until is None else until
    used = has_class & (bar * bar_seconds >= wanted_since) & ((bar + 1) * bar_seconds <= complete_until)
    duration = np.diff(seconds, prepend=seconds[0])[used]
    bar_number, row = np.unique(bar[used], return_inverse=True)
    rows, classes = bar_number.size, len(size_quantiles) + 1
    cell = row * classes + size_class[used]
    sizes = volumes[used]

    def by_class(weights: FloatArray | None) -> FloatArray:
        return np.bincount(cell, weights, rows * classes).reshape(rows, classes).astype(np.float64)

    def by_bar(weights: FloatArray | None) -> FloatArray:
        return np.bincount(row, weights, rows).astype(np.float64)

    count, bar_volume, class_volume = by_bar(None), by_bar(sizes), by_class(sizes)
    timed = has_duration[used].astype(np.float64)
    timed_count = by_bar(timed)
    mean_duration = _ratio(by_bar(duration * timed), timed_count)
    duration_variance = _ratio(by_bar((duration - mean_duration[row]) ** 2 * timed), timed_count)
    middle = (bar_number + 0.5) * bar_seconds / _DAY_SECONDS * 2 * np.pi
    columns = {
        "log_mean_trade_size": np.log(bar_volume / count),
        "log_volume": np.log(bar_volume),
        **_columns("log_trades", np.log1p(by_class(None))),
        **_columns("volume_share", class_volume / bar_volume[:, None]),
        **_columns("imbalance", _ratio(by_class(sizes * signs[used]), class_volume)),
        "log_duration": np.log1p(mean_duration),
        "duration_variation": _ratio(np.sqrt(duration_variance), mean_duration),
        "round_lot_share": by_bar((sizes % round_lot == 0).astype(np.float64)) / count,
        "time_of_day_sine": np.sin(middle),
        "time_of_day_cosine": np.cos(middle),
    }
    ends = (bar_number + 1).astype(np.float64) * bar_seconds
    return OrderFlowFeatures(ends, tuple(columns), np.column_stack(list(columns.values())))


def _sides(side: npt.ArrayLike | None, prices: FloatArray, unknown_side: str) -> FloatArray:
    if unknown_side not in ("tick_rule", "unknown"):
        raise ValueError(f'Order-flow features know no unknown_side="{unknown_side}"; use "tick_rule" or "unknown".')
    refusal = "Order-flow features need one side for each trade: 1 for a buy, -1 for a sell, 0 if unknown."
    try:
        reported = np.zeros(prices.size) if side is None else np.nan_to_num(np.asarray(side, dtype=np.float64))
    except ValueError:
        raise ValueError(refusal) from None
    if reported.shape != prices.shape or not np.isin(reported, (-1.0, 0.0, 1.0)).all():
        raise ValueError(refusal)
    if unknown_side == "unknown":
        return reported
    return np.where(reported == 0, tick_rule(prices), reported)


def _within_session(session: npt.ArrayLike | None, trades: int) -> npt.NDArray[np.bool_]:
    """Whether a trade is of the same session as the one before it."""
    if session is None:
        return np.ones(trades, dtype=np.bool_)
    names: npt.NDArray[Any] = np.asarray(session)
    if names.shape != (trades,):
        raise ValueError("Order-flow features need one session for each trade.")
    return np.append(False, names[1:] == names[:-1])


def _size_classes(
    seconds: FloatArray, volumes: FloatArray, quantiles: tuple[float, ...], days: int, *, since: float
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Size class of each trade since then by the quantiles of the days before its day, and whether there is one."""
    day = np.floor(seconds / _DAY_SECONDS)
    start = np.flatnonzero(np.diff(day, prepend=-np.inf) > 0)
    end = np.append(start[1:], seconds.size)
    size_class = np.zeros(seconds.size, dtype=np.int64)
    first = np.count_nonzero(day[start] < np.floor(since / _DAY_SECONDS))
    for number in range(max(first, 1), start.size):
        past = volumes[start[max(number - days, 0)] : start[number]]
        bounds = np.quantile(past, quantiles)
        today = slice(start[number], end[number])
        size_class[today] = np.searchsorted(bounds, volumes[today], side="left")
    return size_class, np.arange(seconds.size) >= end[0]


def _columns(name: str, values: FloatArray) -> dict[str, FloatArray]:
    return {f"{name}_{number}": column for number, column in enumerate(values.T)}


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _trades(
    time: npt.ArrayLike, price: npt.ArrayLike, volume: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    seconds = seconds_of(time)
    prices, volumes = np.asarray(price, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    if seconds.ndim != 1 or seconds.size == 0 or not seconds.shape == prices.shape == volumes.shape:
        raise ValueError("Order-flow features need time, price and volume of equal length, with at least one trade.")
    if not (seconds[1:] >= seconds[:-1]).all() or not np.isfinite(seconds).all():
        raise ValueError("Order-flow features need trades in time order; sort them by time first.")
    for name, values in (("prices", prices), ("volumes", volumes)):
        if not (values.min() > 0 and values.max() < np.inf):
            raise ValueError(f"Order-flow features need {name} that are present, finite and positive.")
    return seconds, prices, volumes


def _require_options(bar_seconds: float, quantiles: tuple[float, ...], days: int, round_lot: float) -> None:
    bounds = np.array([0.0, *quantiles, 1.0])
    if len(quantiles) == 0 or not (np.diff(bounds) > 0).all():
        raise ValueError(f"Order-flow features need size_quantiles that increase between 0 and 1, not {quantiles}.")
    if not 0 < bar_seconds <= _DAY_SECONDS or days < 1 or not round_lot > 0:
        raise ValueError(
            "Order-flow features need bar_seconds of at most a day, trailing_days of at least 1 and a positive "
            f"round_lot; they are {bar_seconds}, {days} and {round_lot}."
        )
