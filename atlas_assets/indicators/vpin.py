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

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.moments import seconds_of
from atlas_assets.indicators.bulk_classification import Distribution, FloatArray, bulk_volume_classification
from atlas_assets.indicators.vpin_online import (
    BAD_VOLUME,
    CLOSE,
    NO_ROWS,
    NO_VOLUME,
    OPEN,
    SPREAD,
    START,
    VOLUME,
    VPIN,
    OnlineVPIN,
    PriceChange,
    Time,
    closed,
    gather,
    price_changes,
    require_spread,
    spread_of_rows,
)

__all__ = ["VPIN", "OnlineVPIN", "bulk_volume_classification", "vpin_from_bars", "vpin_from_trades"]

Sample: TypeAlias = Literal["trailing", "full_sample"]

_DAY_SECONDS = 86_400.0


def vpin_from_trades(
    time: Time,
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
    time : array of shape (n_trades,), seconds since the epoch or datetimes (UTC unless zoned), not decreasing
    price, volume : arrays of shape (n_trades,)
    bar_seconds : length of a bar, seconds
    spread : bid-ask spread at each trade, scalar or (n_trades,); the bar's last one counts

    Raises
    ------
    ValueError
        If time goes backwards, or prices or volumes are unusable.
    """
    gathered, open_bar = gather(time, price, volume, spread, bar_seconds=bar_seconds, open_bar=None)
    bars = np.concatenate((gathered, closed(open_bar, bar_seconds)))
    if bars.size == 0:
        raise ValueError(NO_VOLUME)
    return vpin_from_bars(
        bars[:, START],
        bars[:, CLOSE],
        bars[:, VOLUME],
        open_price=bars[:, OPEN],
        bar_seconds=bar_seconds,
        buckets_per_day=buckets_per_day,
        window=window,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
        price_change=price_change,
        sigma=sigma,
        bucket_volume=bucket_volume,
        trailing_days=trailing_days,
        spread=None if spread is None else bars[:, SPREAD],
    )


def vpin_from_bars(
    time: Time,
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
    time : array of shape (n_bars,), starts of the bars, seconds since the epoch or datetimes, increasing
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
    start, closes, volumes = seconds_of(time), np.asarray(close, np.float64), np.asarray(volume, np.float64)
    _require_volume(volumes)
    if not start.shape == closes.shape == volumes.shape:
        raise ValueError("VPIN needs time, close and volume of equal length.")
    if price_change == "last_minus_first" and open_price is None:
        raise ValueError('VPIN with price_change="last_minus_first" needs the bars\' open_price.')
    require_spread(distribution, spread)
    bars = np.full((volumes.size, 5), np.nan)
    bars[:, START], bars[:, CLOSE], bars[:, VOLUME] = start, closes, volumes
    bars[:, SPREAD] = spread_of_rows(spread, volumes.shape)
    if open_price is not None:
        opens = np.asarray(open_price, dtype=np.float64)
        if opens.shape != volumes.shape:
            raise ValueError(f"VPIN needs an open_price for each of {volumes.size} bars, not shape {opens.shape}.")
        bars[:, OPEN] = opens
    bars = bars[volumes > 0]
    if not (np.diff(bars[:, START]) > 0).all():
        raise ValueError("VPIN needs bars in time order, one per start time.")

    if sigma == "full_sample":
        changes = price_changes(bars, price_change, previous_close=np.nan)
        if changes.size < 2:
            raise ValueError("The deviation of price changes needs two bars with volume: give sigma, or shorter bars.")
        sigma = float(changes.std(ddof=1))
    if bucket_volume == "full_sample":
        days = np.unique(np.floor(bars[:, START] / _DAY_SECONDS)).size
        bucket_volume = float(bars[:, VOLUME].sum() / days / buckets_per_day)
    stream = OnlineVPIN(
        bar_seconds=bar_seconds,
        buckets_per_day=buckets_per_day,
        window=window,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
        price_change=price_change,
        sigma=sigma,
        bucket_volume=bucket_volume,
        trailing_days=trailing_days,
    )
    return stream.pour(bars)[0]


def _require_volume(volume: FloatArray) -> None:
    if volume.ndim != 1 or volume.size == 0:
        raise ValueError(NO_ROWS)
    # The minimum of a series with NaN is NaN: one pass finds negative and missing volumes.
    if not volume.min() >= 0 or not np.isfinite(total := volume.sum()):
        raise ValueError(BAD_VOLUME)
    if total == 0:
        raise ValueError(NO_VOLUME)
