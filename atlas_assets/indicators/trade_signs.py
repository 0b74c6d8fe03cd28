r"""Who began a trade: rules that guess it, and how often they are right where it is known.

A rule gives each trade a probability :math:`p_i` that its buyer began it. With :math:`s_i` = 1 for a true buy and 0 for
a true sell, the share of volume classified rightly is

.. math:: \frac{\sum_i V_i \, (s_i p_i + (1 - s_i)(1 - p_i))}{\sum_i V_i} \quad \text{trade by trade, and} \quad
          \frac{\sum_b \min(\hat V^B_b, V^B_b) + \min(\hat V^S_b, V^S_b)}{\sum_b V_b} \quad \text{bar by bar,}

where errors within a bar cancel. Bulk classification knows only bars: all trades of a bar share its probability.

References
----------
Easley, López de Prado, O'Hara (2016), Discerning information from trade data, Journal of Financial Economics 120(2).
Chakrabarty, Pascual, Shkilko (2015), Evaluating trade classification algorithms: bulk volume classification versus the
tick rule and the Lee-Ready algorithm, Journal of Financial Markets 25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.moments import seconds_of
from atlas_assets.contracts.tick_rule import tick_rule
from atlas_assets.indicators.bulk_classification import Distribution, FloatArray, bulk_volume_classification
from atlas_assets.indicators.vpin_online import PriceChange, Time

_ROUNDING = 1e-12

__all__ = ["METHODS", "ClassificationAccuracy", "classification_accuracy", "tick_rule"]

METHODS = ("bulk volume", "tick rule", "half and half")


@dataclass(frozen=True)
class ClassificationAccuracy:
    """How well each of ``methods`` finds the true side; every array has shape ``(3,)``.

    Attributes
    ----------
    methods : names of the rules: bulk volume classification, tick rule, one half of every trade.
    share_by_trade, share_by_bar : share of the volume classified rightly, in [0, 1].
    imbalance_correlation : of estimated and true ``V^B - V^S`` over buckets of equal volume, in [-1, 1]; NaN where
        either never varies, as of one half it does not.
    """

    methods: tuple[str, ...]
    share_by_trade: FloatArray
    share_by_bar: FloatArray
    imbalance_correlation: FloatArray


def classification_accuracy(
    time: Time,
    price: npt.ArrayLike,
    volume: npt.ArrayLike,
    side: npt.ArrayLike,
    *,
    bar_seconds: float = 60.0,
    buckets: int = 50,
    distribution: Distribution = "normal",
    degrees_of_freedom: float = 0.25,
    price_change: PriceChange = "close_to_close",
    sigma: float | None = None,
) -> ClassificationAccuracy:
    """Bulk volume classification, the tick rule and one half against the true side of one instrument's trades.

    An evaluation, no signal: the default deviation is that of all the bars.

    Parameters
    ----------
    time, price, volume : as in :func:`atlas_assets.indicators.vpin.vpin_from_trades`
    side : array of shape (n_trades,), above 0 where the buyer began the trade, below 0 where the seller did
    bar_seconds : length of a bar of the bulk classification, seconds
    buckets : number of buckets of equal volume for the correlation
    distribution, degrees_of_freedom, price_change, sigma
        As in :func:`atlas_assets.indicators.vpin.vpin_from_bars`; sigma None is the sample deviation of all bars.

    Raises
    ------
    ValueError
        If a side is missing or zero, a price or volume is missing, or time goes backwards.
    """
    seconds = seconds_of(time)
    prices, volumes, sides = (np.asarray(column, dtype=np.float64) for column in (price, volume, side))
    if not seconds.shape == prices.shape == volumes.shape == sides.shape or not (np.abs(sides) > 0).all():
        raise ValueError("The accuracy of a classification needs the true side of every trade, above or below 0.")
    if not (np.diff(seconds) >= 0).all() or not (volumes >= 0).all() or not volumes.sum() > 0:
        raise ValueError("The accuracy of a classification needs trades in time order with volumes, none negative.")
    number = np.floor((seconds - seconds[0]) / bar_seconds)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    closes = prices[np.append(first[1:], prices.size) - 1]
    if sigma is None and first.size <= 1:
        raise ValueError("The deviation of price changes needs two bars: give sigma, or shorter bars.")
    before = prices[first] if price_change == "last_minus_first" else np.append(closes[:1], closes[:-1])
    changes = closes - before
    by_bar = bulk_volume_classification(
        changes,
        np.ones(first.size),
        sigma=changes.std(ddof=1) if sigma is None else sigma,
        distribution=distribution,
        degrees_of_freedom=degrees_of_freedom,
    )
    signs, is_buy = tick_rule(prices).astype(np.float64), (sides > 0).astype(np.float64)
    bulk = np.repeat(by_bar, np.diff(first, append=volumes.size))
    guesses: tuple[FloatArray, ...] = (bulk, 0.5 + 0.5 * signs, np.full(volumes.size, 0.5))
    return ClassificationAccuracy(
        METHODS,
        np.array([_share_by_trade(guess, is_buy, volumes) for guess in guesses]),
        np.array([_share_by_bar(guess, is_buy, volumes, first) for guess in guesses]),
        np.array([_imbalance_correlation(guess, is_buy, volumes, buckets) for guess in guesses]),
    )


def _share_by_trade(guess: FloatArray, is_buy: FloatArray, volume: FloatArray) -> float:
    return float((volume * (is_buy * guess + (1 - is_buy) * (1 - guess))).sum() / volume.sum())


def _share_by_bar(guess: FloatArray, is_buy: FloatArray, volume: FloatArray, first: npt.NDArray[np.int64]) -> float:
    total = np.add.reduceat(volume, first)
    guessed = np.minimum(np.add.reduceat(volume * guess, first), total)
    true = np.minimum(np.add.reduceat(volume * is_buy, first), total)
    right = np.minimum(guessed, true) + np.minimum(total - guessed, total - true)
    return float(right.sum() / total.sum())


def _imbalance_correlation(guess: FloatArray, is_buy: FloatArray, volume: FloatArray, buckets: int) -> float:
    guessed, true = (_imbalances(buys, volume, buckets) for buys in (guess, is_buy))
    if min(np.ptp(guessed), np.ptp(true)) <= _ROUNDING * volume.sum():
        return np.nan
    return float(np.clip(np.corrcoef(guessed, true)[0, 1], -1.0, 1.0))


def _imbalances(buys: FloatArray, volume: FloatArray, buckets: int) -> FloatArray:
    """Buys less sells in each of so many buckets of equal volume."""
    poured = np.concatenate(([0.0], np.cumsum(volume)))
    bought = np.concatenate(([0.0], np.cumsum(volume * (2 * buys - 1))))
    return np.diff(np.interp(np.linspace(0.0, float(poured[-1]), buckets + 1), poured, bought))
