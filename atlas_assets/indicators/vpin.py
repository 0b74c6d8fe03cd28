r"""Volume-synchronised probability of informed trading (VPIN).

Trades are gathered into time bars, each bar's volume is split into buys and sells by its price change, and the
bars are poured into buckets of equal volume :math:`V` (a bar is split where it crosses a bucket's end):

.. math:: V^B_i = V_i\,Z(\Delta P_i / \sigma), \qquad
          \mathrm{VPIN}_\tau = \frac{\sum_{j=\tau-n+1}^{\tau} |V^B_j - V^S_j|}{\sum_{j=\tau-n+1}^{\tau} (V^B_j + V^S_j)}

The level of VPIN depends on the distribution :math:`Z`, on the price change and on the sample of :math:`\sigma`;
with a normal :math:`Z` it sits near 0.45-0.6 whatever the true imbalance. Read its changes, not its level.

References
----------
Easley, López de Prado, O'Hara (2012), Flow toxicity and liquidity in a high-frequency world, RFS 25(5).
"""

# scipy carries no static types.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Distribution: TypeAlias = Literal["normal", "student_t", "spread"]
PriceChange: TypeAlias = Literal["close_to_close", "last_minus_first"]
Sample: TypeAlias = Literal["trailing", "full_sample"]

_DAY_SECONDS = 86_400.0
_ROUNDING = 1e-12


@dataclass(frozen=True)
class VPIN:
    """VPIN per volume bucket; every array has shape ``(n_buckets,)``.

    Attributes
    ----------
    bucket_end : end of the bar that completed the bucket, seconds since the epoch (UTC): when the row is known.
    buy_volume, sell_volume : volume classified as buys and sells, in the unit of the input volume.
    imbalance : ``|buy_volume - sell_volume|``.
    vpin : in [0, 1]; NaN for the first ``window - 1`` buckets.
    """

    bucket_end: FloatArray
    buy_volume: FloatArray
    sell_volume: FloatArray
    imbalance: FloatArray
    vpin: FloatArray


def bulk_volume_classification(
    price_change: npt.ArrayLike,
    volume: npt.ArrayLike,
    *,
    sigma: npt.ArrayLike | None = None,
    distribution: Distribution = "normal",
    degrees_of_freedom: float = 0.25,
    spread: npt.ArrayLike | None = None,
) -> FloatArray:
    r"""Buy volume of each bar, :math:`V^B_i = V_i\,Z(\Delta P_i / \sigma_i)`; sells are the rest.

    Parameters
    ----------
    price_change, volume : arrays of shape (n_bars,), price and traded quantity
    sigma : deviation of the price changes, scalar or (n_bars,), price. Needed unless distribution is "spread".
        Where it is 0, a bar that moves is all buys or all sells.
    distribution : "normal" and "student_t" are the cumulative distributions of the source paper. "spread" sets the
        signed imbalance to ``volume * price_change / spread``, clipped to [-volume, volume]: a rule of thumb.
    degrees_of_freedom : of the Student t
    spread : bid-ask spread, scalar or (n_bars,), positive, price. Needed when distribution is "spread".

    Returns
    -------
    ndarray of shape (n_bars,), between 0 and volume. No price change gives one half; NaN in, NaN out.
    """
    change = np.asarray(price_change, dtype=np.float64)
    scale = np.asarray(_scale(sigma, spread, distribution), dtype=np.float64)
    standardised = np.zeros(np.broadcast_shapes(change.shape, scale.shape))
    with np.errstate(divide="ignore", over="ignore"):
        np.divide(change, scale, out=standardised, where=change != 0)
    standardised[np.broadcast_to(np.isnan(scale), standardised.shape)] = np.nan
    return np.asarray(volume, dtype=np.float64) * _buy_share(standardised, distribution, degrees_of_freedom)


def vpin_from_trades(
    time: npt.NDArray[np.float64] | npt.NDArray[np.datetime64],
    price: npt.ArrayLike,
    volume: npt.ArrayLike,
    *,
    bar_seconds: float = 60.0,
    buckets_per_day: int = 50,
    window: int = 50,
    distribution: Distribution = "normal",
    degrees_of_freedom: float = 0.25,
    price_change: PriceChange = "close_to_close",
    sigma: Sample | float = "trailing",
    bucket_volume: Sample | float = "trailing",
    trailing_days: int = 20,
    spread: npt.ArrayLike | None = None,
) -> VPIN:
    """VPIN of one instrument's trades.

    Bars are anchored at the first trade; a bar without trades is skipped. The other parameters are those of
    :func:`vpin_from_bars`.

    Parameters
    ----------
    time : array of shape (n_trades,), seconds since the epoch or datetime64 (UTC), not decreasing
    price, volume : arrays of shape (n_trades,)
    bar_seconds : length of a bar, seconds
    spread : bid-ask spread at each trade, scalar or (n_trades,); the bar's last one counts

    Raises
    ------
    ValueError
        If time goes backwards, or prices or volumes are unusable.
    """
    seconds = _seconds(time)
    prices, volumes = np.asarray(price, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    _require_volume(volumes)
    if not seconds.shape == prices.shape == volumes.shape:
        raise ValueError("VPIN needs time, price and volume of equal length.")
    if not (seconds[1:] >= seconds[:-1]).all() or not np.isfinite(seconds[[0, -1]]).all():
        raise ValueError("VPIN needs trades in time order; sort them by time first.")

    first, bar_number = _bars_of_trades(seconds, bar_seconds)
    last = np.append(first[1:], seconds.size) - 1
    return vpin_from_bars(
        seconds[0] + bar_number * bar_seconds,
        prices[last],
        np.add.reduceat(volumes, first),
        open_price=prices[first],
        bar_seconds=bar_seconds,
        buckets_per_day=buckets_per_day,
        window=window,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
        price_change=price_change,
        sigma=sigma,
        bucket_volume=bucket_volume,
        trailing_days=trailing_days,
        spread=None if spread is None else np.broadcast_to(np.asarray(spread, dtype=np.float64), seconds.shape)[last],
    )


def vpin_from_bars(
    time: npt.NDArray[np.float64] | npt.NDArray[np.datetime64],
    close: npt.ArrayLike,
    volume: npt.ArrayLike,
    *,
    open_price: npt.ArrayLike | None = None,
    bar_seconds: float = 60.0,
    buckets_per_day: int = 50,
    window: int = 50,
    distribution: Distribution = "normal",
    degrees_of_freedom: float = 0.25,
    price_change: PriceChange = "close_to_close",
    sigma: Sample | float = "trailing",
    bucket_volume: Sample | float = "trailing",
    trailing_days: int = 20,
    spread: npt.ArrayLike | None = None,
) -> VPIN:
    """VPIN of one instrument's time bars.

    A bar belongs to the UTC day in which it starts. "trailing" uses, for every bar of a day, only the bars of the up
    to ``trailing_days`` traded days before that day: sigma is the sample deviation (``ddof=1``) of their price
    changes, bucket volume their mean daily volume / ``buckets_per_day``. The first day (and any day with fewer than
    two bars before it) is burn-in and fills no bucket. Where the bucket volume changes from day to day, a bucket
    that spans midnight is full when the fractions filled on each day add up to one. "full_sample" uses all bars for
    both: it looks ahead, and is meant for comparison with other software. Numbers are used as given.

    Parameters
    ----------
    time : array of shape (n_bars,), starts of the bars, seconds since the epoch or datetime64 (UTC), increasing
    close, volume : arrays of shape (n_bars,). Bars without volume are skipped.
    open_price : array of shape (n_bars,), needed when price_change is "last_minus_first"
    bar_seconds : length of a bar, seconds
    buckets_per_day : number of buckets in a day of mean volume
    window : number of buckets in the moving average
    distribution, degrees_of_freedom, spread : see :func:`bulk_volume_classification`
    price_change : "close_to_close" (the first bar has no change) or "last_minus_first" within the bar
    sigma : deviation of the price changes, price
    bucket_volume : volume of a bucket
    trailing_days : number of past days for the trailing estimates

    Returns
    -------
    VPIN, complete buckets only.

    Raises
    ------
    ValueError
        If times do not increase, a price is missing, or a volume is missing or negative or all are zero.
    """
    start, volumes = _seconds(time), np.asarray(volume, dtype=np.float64)
    _require_volume(volumes)
    traded = volumes > 0
    start, volumes, closes = start[traded], volumes[traded], np.asarray(close, dtype=np.float64)[traded]
    if not (start[1:] > start[:-1]).all():
        raise ValueError("VPIN needs bars in time order, one per start time.")
    if price_change == "close_to_close":
        changes = np.diff(closes, prepend=closes[0])
    elif open_price is None:
        raise ValueError('VPIN with price_change="last_minus_first" needs the bars\' open_price.')
    else:
        changes = closes - np.asarray(open_price, dtype=np.float64)[traded]
    if not np.isfinite(changes).all():
        raise ValueError("VPIN needs a price for every bar that has volume.")

    day_start, day_number = _days(start)
    sigma_of_bar = _sigma(changes, day_start, day_number, sample=sigma, days=trailing_days)
    bucket_of_bar = _bucket_volume(
        volumes, day_start, day_number, sample=bucket_volume, days=trailing_days, buckets_per_day=buckets_per_day
    )
    buys = bulk_volume_classification(
        changes,
        volumes,
        sigma=sigma_of_bar,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
        spread=None if spread is None else np.broadcast_to(np.asarray(spread, dtype=np.float64), traded.shape)[traded],
    )
    ready = np.isfinite(buys) & np.isfinite(bucket_of_bar)
    return _fill_buckets(start[ready] + bar_seconds, volumes[ready], buys[ready], bucket_of_bar[ready], window=window)


def _fill_buckets(
    bar_end: FloatArray, volume: FloatArray, buy_volume: FloatArray, bucket_volume: FloatArray, *, window: int
) -> VPIN:
    total, buys = _cumulative(volume), _cumulative(buy_volume)
    filled = _filled(total, bucket_volume)
    bucket_count = int(filled[-1])
    ends = np.arange(bucket_count + 1, dtype=np.float64)
    bucket_total = np.diff(np.interp(ends, filled, total))
    bucket_buys = np.clip(np.diff(np.interp(ends, filled, buys)), 0.0, bucket_total)
    bucket_sells = bucket_total - bucket_buys
    imbalance = np.abs(bucket_buys - bucket_sells)
    vpin = np.full(bucket_count, np.nan)
    vpin[window - 1 :] = np.clip(_rolling_sum(imbalance, window) / _rolling_sum(bucket_total, window), 0.0, 1.0)
    completed_by = np.searchsorted(filled[1:], ends[1:], side="left")
    return VPIN(bar_end[completed_by], bucket_buys, bucket_sells, imbalance, vpin)


def _filled(total: FloatArray, bucket_volume: FloatArray) -> FloatArray:
    """Buckets filled before the first bar and by each bar, given the cumulative volume; complete ones are whole."""
    # Volume is divided after it is summed, run by run of equal bucket volume: summing quotients would drift.
    is_new = np.diff(bucket_volume, prepend=-1.0) != 0
    run_start, run = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    run_volume = np.diff(total[np.append(run_start, bucket_volume.size)])
    filled_before = _cumulative(run_volume / bucket_volume[run_start])
    filled = np.append(0.0, filled_before[run] + (total[1:] - total[run_start][run]) / bucket_volume)
    whole = np.rint(filled)
    # A bucket short of its volume by rounding alone is complete.
    return np.where(np.abs(filled - whole) <= _ROUNDING * np.maximum(whole, 1.0), whole, filled)


def _cumulative(values: FloatArray) -> FloatArray:
    return np.concatenate(([0.0], np.cumsum(values)))


def _rolling_sum(values: FloatArray, window: int) -> FloatArray:
    # Summed window by window: differences of a running sum would carry the rounding of a larger past.
    if values.size < window:
        return np.empty(0)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values, window)).sum(axis=1)


def _bars_of_trades(seconds: FloatArray, bar_seconds: float) -> tuple[IntArray, IntArray]:
    """First trade and number of each bar that has trades; bar k starts at ``seconds[0] + k * bar_seconds``."""
    origin = seconds[0]
    bar_count = int((seconds[-1] - origin) / bar_seconds) + 2
    if bar_count <= seconds.size:
        bar_start = origin + np.arange(bar_count + 1, dtype=np.float64) * bar_seconds
        edges = np.asarray(np.searchsorted(seconds, bar_start, side="left"), dtype=np.int64)
        bar_number = np.flatnonzero(edges[1:] > edges[:-1])
        return edges[bar_number], bar_number
    # Few trades over a long time: number the trades instead of searching for every bar's edge.
    number = ((seconds - origin) / bar_seconds).astype(np.int64)
    number += seconds >= origin + (number + 1) * bar_seconds  # same edges as above, to the last bit
    number -= seconds < origin + number * bar_seconds
    first = np.flatnonzero(np.diff(number, prepend=-1))
    return first, number[first]


def _days(start: FloatArray) -> tuple[IntArray, IntArray]:
    """First bar of each traded day, and each bar's position among the traded days."""
    day = np.floor(start / _DAY_SECONDS)
    is_first = np.diff(day, prepend=-np.inf) > 0
    return np.flatnonzero(is_first), np.cumsum(is_first) - 1


def _sigma(
    changes: FloatArray, day_start: IntArray, day_number: IntArray, *, sample: Sample | float, days: int
) -> FloatArray | float:
    if sample == "full_sample":
        return float(changes.std(ddof=1)) if changes.size > 1 else np.nan
    if sample != "trailing":
        return float(sample)
    count = _trailing_sum(np.diff(day_start, append=changes.size).astype(np.float64), days)
    mean = _trailing_sum(np.add.reduceat(changes, day_start), days) / np.maximum(count, 1)
    square = _trailing_sum(np.add.reduceat(changes**2, day_start), days)
    variance = np.maximum(square - count * mean**2, 0.0) / np.maximum(count - 1, 1)
    return np.where(count >= 2, np.sqrt(variance), np.nan)[day_number]


def _bucket_volume(
    volume: FloatArray,
    day_start: IntArray,
    day_number: IntArray,
    *,
    sample: Sample | float,
    days: int,
    buckets_per_day: int,
) -> FloatArray:
    daily = np.add.reduceat(volume, day_start)
    if sample == "full_sample":
        return np.full(volume.size, volume.sum() / daily.size / buckets_per_day)
    if sample != "trailing":
        if not float(sample) > 0:
            raise ValueError(f"VPIN needs a positive bucket volume, not {sample}.")
        return np.full(volume.size, float(sample))
    past_days = np.minimum(np.arange(daily.size), days)
    mean = np.where(past_days > 0, _trailing_sum(daily, days) / np.maximum(past_days, 1), np.nan)
    return (mean / buckets_per_day)[day_number]


def _trailing_sum(daily: FloatArray, days: int) -> FloatArray:
    """Sum over the up to ``days`` days before each day."""
    return _rolling_sum(np.concatenate((np.zeros(days), daily[:-1])), days)


def _buy_share(standardised: FloatArray, distribution: Distribution, degrees_of_freedom: float) -> FloatArray:
    from scipy.special import ndtr, stdtr

    if distribution == "normal":
        return ndtr(standardised)
    if distribution == "student_t":
        return stdtr(degrees_of_freedom, standardised)
    return 0.5 + 0.5 * np.clip(standardised, -1.0, 1.0)


def _scale(sigma: npt.ArrayLike | None, spread: npt.ArrayLike | None, distribution: Distribution) -> npt.ArrayLike:
    if distribution not in ("normal", "student_t", "spread"):
        raise ValueError(f'The distribution must be "normal", "student_t" or "spread", not "{distribution}".')
    name, scale = ("spread", spread) if distribution == "spread" else ("sigma", sigma)
    if scale is None:
        raise ValueError(f'Bulk volume classification with distribution="{distribution}" needs {name}.')
    if np.any(np.asarray(scale, dtype=np.float64) < 0):
        raise ValueError(f"Bulk volume classification needs a {name} that is not negative.")
    return scale


def _seconds(time: npt.NDArray[np.float64] | npt.NDArray[np.datetime64]) -> FloatArray:
    times: npt.NDArray[Any] = np.asarray(time)
    if times.dtype.kind == "M":
        epoch = np.datetime64(0, "s")
        return (times - epoch) / np.timedelta64(1, "s")
    return times.astype(np.float64, copy=False)


def _require_volume(volume: FloatArray) -> None:
    if volume.ndim != 1 or volume.size == 0:
        raise ValueError("VPIN needs a 1-d series with at least one trade or bar.")
    # The minimum of a series with NaN is NaN: one pass finds negative and missing volumes.
    if not volume.min() >= 0 or not np.isfinite(total := volume.sum()):
        raise ValueError("VPIN needs volumes that are present, finite and not negative.")
    if total == 0:
        raise ValueError("VPIN needs traded volume, but every volume is zero (an index or a currency rate has none).")
