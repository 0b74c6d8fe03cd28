"""Compiled passes of :mod:`atlas_assets.indicators.vpin`.

Each goes on from a given state and returns the state after its last row, with every sum in the order of the rows: a
series cut into chunks anywhere gives the bits of the whole.
"""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
OpenBar: TypeAlias = tuple[float, float, float, float, float, float, float]
Day: TypeAlias = tuple[float, float, float, float, float]
OpenBucket: TypeAlias = tuple[float, float, float, float, float]

NO_BAR: OpenBar = (0.0, float(np.finfo(np.float64).min), -1.0, 0.0, 0.0, 0.0, np.nan)
NO_DAY: Day = (-np.inf, 0.0, 0.0, 0.0, 0.0)
NO_BUCKET: OpenBucket = (0.0, 1.0, 0.0, 0.0, 0.0)

_DAY_SECONDS = 86_400.0
_ROUNDING = 1e-12
_IN = "Array(float64, 1, 'C', True)"
_BROADCAST = "Array(float64, 1, 'A', True)"
_OUT = "float64[::1]"
_TABLE = "float64[:, ::1]"
_SEVEN, _FIVE = "UniTuple(float64, 7)", "UniTuple(float64, 5)"


@numba.njit("float64(float64, float64, float64)", cache=True, nogil=True)
def _bar_of(time: float, origin: float, seconds: float) -> float:
    """Number of the bar that starts at ``origin + number * seconds``, to the last bit, and holds the time."""
    number = np.floor((time - origin) / seconds)
    if time >= origin + (number + 1) * seconds:
        return number + 1
    if time < origin + number * seconds:
        return number - 1
    return number


@numba.njit(
    f"Tuple((int64, int64, {_SEVEN}))({_IN}, {_IN}, {_IN}, {_BROADCAST}, float64, {_SEVEN}, {_TABLE})",
    cache=True,
    nogil=True,
)
def gather_bars(
    time: FloatArray,
    price: FloatArray,
    volume: FloatArray,
    spread: FloatArray,
    bar_seconds: float,
    open_bar: OpenBar,
    bars: FloatArray,
) -> tuple[int, int, OpenBar]:
    """Bars with volume that end before the last trade, as rows (start, open, close, volume, spread).

    The open bar is (time of the first trade of all, time of the latest trade, number of the bar, its open, close,
    volume and spread). Returns how many bars there are, the first trade that is refused (-1 if none), the open bar.
    """
    origin, latest, number, first, close, total, width = open_bar
    count, end = 0, (-np.inf if number < 0 else origin + (number + 1) * bar_seconds)
    for i in range(time.size):
        # NaN fails every comparison.
        if not (time[i] >= latest and volume[i] >= 0):
            return count, i, open_bar
        if time[i] >= end:
            if time[i] == np.inf:
                return count, i, open_bar
            if total > 0:
                bars[count, 0] = origin + number * bar_seconds
                bars[count, 1] = first
                bars[count, 2] = close
                bars[count, 3] = total
                bars[count, 4] = width
                count += 1
            if number < 0:
                origin = time[i]
            number, first, total = _bar_of(time[i], origin, bar_seconds), price[i], 0.0
            end = origin + (number + 1) * bar_seconds
        total += volume[i]
        # Every price is read, though only the last one counts: reading on is faster than fetching one here and there.
        latest, close, width = time[i], price[i], spread[i]
    return count, -1, (origin, latest, number, first, close, total, width)


@numba.njit(f"Tuple((float64, float64))({_TABLE})", cache=True, nogil=True)
def _estimates(days: FloatArray) -> tuple[float, float]:
    """Sample deviation of the price changes and mean daily volume of some days; NaN where there are too few."""
    traded, count, volume, change, square = 0, 0.0, 0.0, 0.0, 0.0
    for k in range(days.shape[0]):
        traded += days[k, 0] > 0
        count += days[k, 0]
        volume += days[k, 1]
        change += days[k, 2]
        square += days[k, 3]
    deviation = np.nan
    if count >= 2:
        deviation = np.sqrt(max(square - change * (change / count), 0.0) / (count - 1))
    return deviation, (volume / traded if traded > 0 else np.nan)


@numba.njit(f"{_FIVE}({_IN}, {_IN}, {_IN}, {_FIVE}, {_TABLE}, {_OUT}, {_OUT})", cache=True, nogil=True)
def estimate_from_days_before(
    start: FloatArray,
    change: FloatArray,
    volume: FloatArray,
    today: Day,
    days: FloatArray,
    deviation: FloatArray,
    daily_volume: FloatArray,
) -> Day:
    """Deviation of the price changes and mean daily volume of the days before each bar's day.

    A day is (its number, count of bars, sums of volume, change and squared change); ``days`` holds the last four of
    each past day, the latest last, and is brought up to date in place. Returns the day of the last bar.
    """
    number, count, total, changes, squares = today
    sigma, mean_volume = _estimates(days)
    for i in range(start.size):
        day = np.floor(start[i] / _DAY_SECONDS)
        if day != number:
            if count > 0:
                days[:-1] = days[1:].copy()
                days[-1, 0], days[-1, 1], days[-1, 2], days[-1, 3] = count, total, changes, squares
                sigma, mean_volume = _estimates(days)
            number, count, total, changes, squares = day, 0.0, 0.0, 0.0, 0.0
        count += 1
        total += volume[i]
        changes += change[i]
        squares += change[i] ** 2
        deviation[i], daily_volume[i] = sigma, mean_volume
    return number, count, total, changes, squares


@numba.njit(f"Tuple((int64, {_FIVE}))({_IN}, {_IN}, {_IN}, {_IN}, {_FIVE}, {_TABLE})", cache=True, nogil=True)
def fill_buckets(
    bar_end: FloatArray,
    volume: FloatArray,
    buy_volume: FloatArray,
    bucket_volume: FloatArray,
    open_bucket: OpenBucket,
    buckets: FloatArray,
) -> tuple[int, OpenBucket]:
    """Complete buckets, as rows (end of the bar that completed it, volume, buy volume).

    The open bucket is (fraction filled under other sizes, size, volume poured under it, volume, buy volume). Returns
    how many buckets there are, and the open bucket.
    """
    filled, size, poured, total, buys = open_bucket
    complete = 0
    for i in range(volume.size):
        if bucket_volume[i] != size:
            filled, size, poured = filled + poured / size, bucket_volume[i], 0.0
        share = buy_volume[i] / volume[i]
        position = filled + (poured + volume[i]) / size
        # A bucket short of its volume by rounding alone is complete.
        whole = np.rint(position)
        is_whole = abs(position - whole) <= _ROUNDING * max(whole, 1.0)
        last = int(whole if is_whole else np.floor(position))
        used = 0.0
        for k in range(1, last + 1):
            # How much of the bar is poured when the k-th bucket is full.
            until = max(used, min((k - filled) * size - poured, volume[i]))
            if is_whole and k == last:
                until = volume[i]
            total += until - used
            buckets[complete, 0] = bar_end[i]
            buckets[complete, 1] = total
            buckets[complete, 2] = min(buys + (until - used) * share, total)
            complete += 1
            total, buys, used = 0.0, 0.0, until
        if last > 0:
            filled, poured = 0.0, 0.0
        poured += volume[i] - used
        total += volume[i] - used
        buys += (volume[i] - used) * share
    return complete, (filled, size, poured, total, buys)


@numba.njit(f"void({_IN}, {_IN}, int64, {_OUT})", cache=True, nogil=True)
def moving_ratio(numerator: FloatArray, denominator: FloatArray, window: int, ratio: FloatArray) -> None:
    """Ratio of the sums over each complete window."""
    # Summed window by window: differences of a running sum would carry the rounding of a larger past.
    for i in range(ratio.size):
        above, below = 0.0, 0.0
        for k in range(i, i + window):
            above += numerator[k]
            below += denominator[k]
        ratio[i] = above / below
